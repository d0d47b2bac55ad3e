#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

static error_t parse(int key, char *argument, struct argp_state *state) {
    (void)argument;
    return references_parse(key, state, 0, 0, state->input);
}

const struct argp network_prune_argp = {.parser = parse};

static void done(json_t *list, const holm_error *error, void *data) {
    size_t index;
    json_t *name;
    if (error)
        cli_fail(data, error);
    json_array_foreach (list, index, name)
        puts(json_string_value(name));
}

int network_prune_command(int argc, char **argv) {
    char **none = NULL;
    cli_parse("network.prune", argc, argv, &none);
    cli self;
    if (cli_open(&self))
        holm_network_prune(self.client, done, &self);
    return cli_close(&self);
}
