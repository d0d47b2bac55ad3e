// `holm network connect` and `disconnect`.
#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"

enum { KEY_IP = 0x200, KEY_IP6, KEY_MAC, KEY_ALIAS };

static const struct argp_option options[] = {
    {"ip", KEY_IP, "ADDRESS", 0, "Its IPv4 address there; a free one is chosen", 0},
    {"ip6", KEY_IP6, "ADDRESS", 0, "The same of IPv6", 0},
    {"mac", KEY_MAC, "ADDRESS", 0, "The hardware address of its card", 0},
    {"alias", KEY_ALIAS, "NAME", 0, "It is also called so there", 0},
    {0},
};

typedef struct connect_options {
    char **names;
    json_t *asked;
} connect_options;

static error_t parse(int key, char *argument, struct argp_state *state) {
    connect_options *self = state->input;
    switch (key) {
    case KEY_IP:
        return json_object_set_new(self->asked, "address", json_string(argument));
    case KEY_IP6:
        return json_object_set_new(self->asked, "addressV6", json_string(argument));
    case KEY_MAC:
        return json_object_set_new(self->asked, "mac", json_string(argument));
    case KEY_ALIAS:
        return json_array_append_new(options_child(self->asked, "aliases", json_array),
                                     json_string(argument));
    default:
        return references_parse(key, state, 2, 2, &self->names);
    }
}

static error_t parse_names(int key, char *argument, struct argp_state *state) {
    (void)argument;
    return references_parse(key, state, 2, 2, state->input);
}

const struct argp network_connect_argp = {.options = options, .parser = parse};
const struct argp network_disconnect_argp = {.parser = parse_names};

static void done(json_t *result, const holm_error *error, void *data) {
    (void)result;
    if (error)
        cli_fail(data, error);
}

int network_connect_command(int argc, char **argv) {
    connect_options given = {.asked = json_object()};
    cli_parse("network.connect", argc, argv, &given);
    cli self;
    if (cli_open(&self))
        holm_network_connect(self.client, given.names[0], given.names[1], given.asked, done, &self);
    else
        json_decref(given.asked);
    return cli_close(&self);
}

int network_disconnect_command(int argc, char **argv) {
    char **names = NULL;
    cli_parse("network.disconnect", argc, argv, &names);
    cli self;
    if (cli_open(&self))
        holm_network_disconnect(self.client, names[0], names[1], done, &self);
    return cli_close(&self);
}
