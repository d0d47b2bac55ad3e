// Every subcommand: its options and its function, as the action table names them. A file for each, or for
// those that differ in the noun only.
#pragma once

#include <argp.h>

#define COMMAND(name)                     \
    extern const struct argp name##_argp; \
    int name##_command(int argc, char **argv)

COMMAND(attach);
COMMAND(commit);
COMMAND(completion);
COMMAND(container_prune);
COMMAND(cp);
COMMAND(create);
COMMAND(df);
COMMAND(diff);
COMMAND(doctor);
COMMAND(events);
COMMAND(exec);
COMMAND(export);
COMMAND(image_du);
COMMAND(image_history);
COMMAND(image_inspect);
COMMAND(image_prune);
COMMAND(image_rm);
COMMAND(image_verify);
COMMAND(images);
COMMAND(import);
COMMAND(info);
COMMAND(inspect);
COMMAND(kill);
COMMAND(load);
COMMAND(logs);
COMMAND(ls);
COMMAND(network_connect);
COMMAND(network_create);
COMMAND(network_disconnect);
COMMAND(network_inspect);
COMMAND(network_ls);
COMMAND(network_prune);
COMMAND(network_rm);
COMMAND(port);
COMMAND(mount);
COMMAND(mount_add);
COMMAND(mount_rm);
COMMAND(port_add);
COMMAND(port_rm);
COMMAND(prune);
COMMAND(pull);
COMMAND(push);
COMMAND(registry_login);
COMMAND(registry_logout);
COMMAND(registry_ls);
COMMAND(registry_referrers);
COMMAND(registry_rm);
COMMAND(registry_tags);
COMMAND(rename);
COMMAND(restart);
COMMAND(rm);
COMMAND(run);
COMMAND(save);
COMMAND(start);
COMMAND(stats);
COMMAND(stop);
COMMAND(system_disable);
COMMAND(system_enable);
COMMAND(system_start);
COMMAND(tag);
COMMAND(top);
COMMAND(version);
COMMAND(volume_create);
COMMAND(volume_export);
COMMAND(volume_import);
COMMAND(volume_inspect);
COMMAND(volume_ls);
COMMAND(volume_prune);
COMMAND(volume_resize);
COMMAND(volume_rm);
COMMAND(wait);

#undef COMMAND
