#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"

typedef struct prune {
    cli owner;
    prune_options common;
    bool all;
} prune;

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0, "Those with a name, too", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    prune *self = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->common;
        return 0;
    case 'a':
        self->all = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&prune_options_argp, 0, NULL, 0}, {0}};
const struct argp volume_prune_argp = {.options = options, .parser = parse, .children = children};

int volume_prune_command(int argc, char **argv) {
    prune self = {0};
    cli_parse("volume.prune", argc, argv, &self);
    int exit_code = 0;
    const char *which = self.all ? "volume" : "anonymous volume";
    if (self.common.force ||
        cli_confirm("This removes every %s that no container mounts, with all that is in it.", which)) {
        if (cli_open(&self.owner))
            holm_volume_prune(self.owner.client, self.all, self.common.filter.filters, prune_print,
                              &self.owner);
        exit_code = cli_close(&self.owner);
    }
    json_decref(self.common.filter.filters);
    return exit_code;
}
