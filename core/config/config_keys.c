#include "core/config/config.h"

const config_key config_keys[] = {
    {"container.cpus", CONFIG_NUMBER, "4", NULL,
     "CPUs of a container where --cpus is not given; never more than the host has"},
    {"container.memory", CONFIG_SIZE, "\"1g\"", NULL, "Memory of a container where --memory is not given"},
    {"container.disk", CONFIG_SIZE, "\"128g\"", NULL,
     "Nominal size of the writable layer; it takes only what is written"},
    {"container.log-size", CONFIG_SIZE, "\"8m\"", NULL, "Size at which a container's log file is rotated"},
    {"container.log-files", CONFIG_INTEGER, "3", NULL, "Log files kept of a container"},
    {"container.environment", CONFIG_STRINGS, NULL, NULL, "KEY=value lines that every container gets"},
    {"registry.domain", CONFIG_STRING, "\"docker.io\"", NULL, "Registry of references that name none"},
    {"registry.insecure", CONFIG_STRINGS, NULL, NULL,
     "Registries (host or host:port) that are spoken to in plain http"},
    {"registry.concurrency", CONFIG_INTEGER, "3", NULL,
     "Layers of an image that are brought at the same time"},
    {"network.mode", CONFIG_STRING, "\"default\"", "default none",
     "Network of a container where --network is not given"},
    {"network.publish-address", CONFIG_STRING, "\"0.0.0.0\"", NULL,
     "Address of the host for ports published without one; 127.0.0.1 keeps them on this machine"},
    {"start.accelerator", CONFIG_STRING, "\"auto\"", "auto kvm emulation",
     "What runs the machines: kvm, emulation, or the faster one that works"},
    {"start.template", CONFIG_BOOLEAN, "true", NULL,
     "Start machines as clones of one that has booted already, and is made in the background"},
    {"console.detach-keys", CONFIG_STRING, "\"ctrl-p,ctrl-q\"", NULL,
     "Keys that leave a console; an empty text: none"},
    {"dashboard.mouse", CONFIG_BOOLEAN, "true", NULL, "Use the mouse"},
    {"theme.name", CONFIG_STRING, NULL, NULL,
     "Theme: a file NAME.toml in the configuration folder's themes, or one that came with holm"},
    {"keys", CONFIG_TABLE, NULL, NULL,
     "Keys of actions: \"container.stop\" = \"s\"; docs/keys.md lists them"},
};

const size_t config_key_count = array_length(config_keys);
