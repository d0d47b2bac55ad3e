#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"

typedef struct prune {
    cli owner;
    prune_options common;
    holm_prune_options what;
} prune;

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0,
     "Also images with a name that no container uses, templates of machines, and kernels that no build uses",
     0},
    {"volumes", 'v', NULL, 0, "Also volumes without a name that no container mounts", 0},
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
        self->what.all = true;
        return 0;
    case 'v':
        self->what.volumes = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&prune_options_argp, 0, NULL, 0}, {0}};
const struct argp prune_argp = {.options = options, .parser = parse, .children = children};

int prune_command(int argc, char **argv) {
    prune self = {0};
    cli_parse("system.prune", argc, argv, &self);
    int exit_code = 0;
    const char *images = self.what.all ? "every image that no container uses, templates and old kernels"
                                       : "every image without a name";
    const char *volumes = self.what.volumes ? ", every volume without a name" : "";
    if (self.common.force ||
        cli_confirm(
            "This removes every container that does not run, every network without members%s, and %s.",
            volumes, images)) {
        if (cli_open(&self.owner))
            holm_system_prune(self.owner.client, &self.what, self.common.filter.filters, prune_print,
                              &self.owner);
        exit_code = cli_close(&self.owner);
    }
    json_decref(self.common.filter.filters);
    return exit_code;
}
