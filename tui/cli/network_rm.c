#include <limits.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

static error_t parse(int key, char *argument, struct argp_state *state) {
    (void)argument;
    return references_parse(key, state, 1, UINT_MAX, state->input);
}

const struct argp network_rm_argp = {.parser = parse};

static void act(cli *self, const char *reference, holm_done done, void *data, const void *given) {
    (void)given;
    holm_network_remove(self->client, reference, done, data);
}

int network_rm_command(int argc, char **argv) {
    char **names = NULL;
    cli_parse("network.rm", argc, argv, &names);
    return cli_each(names, act, NULL, NULL);
}
