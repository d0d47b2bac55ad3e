#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"

typedef struct prune {
    cli owner;
    prune_options common;
} prune;

static error_t parse(int key, char *argument, struct argp_state *state) {
    prune *self = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->common;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&prune_options_argp, 0, NULL, 0}, {0}};
const struct argp container_prune_argp = {.parser = parse, .children = children};

int container_prune_command(int argc, char **argv) {
    prune self = {0};
    cli_parse("container.prune", argc, argv, &self);
    int exit_code = 0;
    if (self.common.force ||
        cli_confirm("This removes every container that does not run, with its writable layer and logs.")) {
        if (cli_open(&self.owner))
            holm_container_prune(self.owner.client, self.common.filter.filters, prune_print, &self.owner);
        exit_code = cli_close(&self.owner);
    }
    json_decref(self.common.filter.filters);
    return exit_code;
}
