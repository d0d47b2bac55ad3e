#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"

enum { KEY_DRIVER = 0x200, KEY_SUBNET, KEY_SUBNET6, KEY_GATEWAY, KEY_INTERNAL, KEY_MTU, KEY_DNS };

static const struct argp_option options[] = {
    {"driver", KEY_DRIVER, "user|bridge", 0,
     "user: a switch of holm's own; bridge: the host's, faster, reachable from the host, with the right "
     "CAP_NET_ADMIN (user, or as network.driver says)",
     0},
    {"subnet", KEY_SUBNET, "CIDR", 0, "IPv4 addresses, for example 10.90.0.0/24; a free one is chosen", 0},
    {"subnet-v6", KEY_SUBNET6, "CIDR", 0,
     "IPv6 addresses, a /64, or none; a random one of fd00::/8 is chosen", 0},
    {"gateway", KEY_GATEWAY, "ADDRESS", 0, "The gateway's address of IPv4 (the first)", 0},
    {"internal", KEY_INTERNAL, NULL, 0, "No way to the outside", 0},
    {"mtu", KEY_MTU, "BYTES", 0, "How large its frames can be, 1280 to 65520 (65520)", 0},
    {"dns", KEY_DNS, "ADDRESS", 0,
     "A name server that its resolver asks instead of the host's; up to three, in their order", 0},
    {"label", 'l', "KEY[=VALUE]", 0, "A label", 0},
    {0},
};

typedef struct create_options {
    char **names;
    json_t *configuration;
} create_options;

static json_t *number(const struct argp_state *state, const char *text) {
    long value;
    int end = 0;
    if (sscanf(text, "%9ld%n", &value, &end) != 1 || text[end])
        cli_usage_error(state, "--mtu needs a number of bytes, and \"%s\" is none", text);
    return json_integer(value);
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    create_options *self = state->input;
    switch (key) {
    case KEY_DRIVER:
        return json_object_set_new(self->configuration, "driver", json_string(argument));
    case KEY_SUBNET:
        return json_object_set_new(self->configuration, "subnet", json_string(argument));
    case KEY_SUBNET6:
        return json_object_set_new(self->configuration, "subnetV6", json_string(argument));
    case KEY_GATEWAY:
        return json_object_set_new(self->configuration, "gateway", json_string(argument));
    case KEY_INTERNAL:
        return json_object_set_new(self->configuration, "internal", json_true());
    case KEY_MTU:
        return json_object_set_new(self->configuration, "mtu", number(state, argument));
    case KEY_DNS:
        return json_array_append_new(options_child(self->configuration, "dns", json_array),
                                     json_string(argument));
    case 'l':
        cli_label(state, self->configuration, argument);
        return 0;
    default:
        return references_parse(key, state, 1, 1, &self->names);
    }
}

const struct argp network_create_argp = {.options = options, .parser = parse};

static void done(json_t *result, const holm_error *error, void *data) {
    if (error)
        cli_fail(data, error);
    else
        puts(cli_text(result, "id"));
}

int network_create_command(int argc, char **argv) {
    create_options given = {.configuration = json_object()};
    cli_parse("network.create", argc, argv, &given);
    json_object_set_new(given.configuration, "name", json_string(given.names[0]));
    cli self;
    if (cli_open(&self))
        holm_network_create(self.client, given.configuration, done, &self);
    else
        json_decref(given.configuration);
    return cli_close(&self);
}
