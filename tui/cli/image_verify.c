#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/progress.h"

typedef struct verify {
    cli owner;
    bool repair;
    progress_mode mode;
    progress progress;
} verify;

static const struct argp_option options[] = {
    {"repair", 'r', NULL, 0, "Fetch what is damaged or missing from where it came from", 0},
    {0},
};

static const struct argp_child children[] = {{&progress_argp, 0, NULL, 0}, {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    verify *self = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->mode;
        return 0;
    case 'r':
        self->repair = true;
        return 0;
    case ARGP_KEY_ARG:
        cli_usage_error(state, "%s takes no arguments", state->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp image_verify_argp = {.options = options, .parser = parse, .children = children};

static void show(holm_watch *watch, json_t *item, void *data) {
    (void)watch;
    progress_show(&((verify *)data)->progress, item);
}

static void ended(holm_watch *watch, const holm_error *error, void *data) {
    verify *self = data;
    (void)watch;
    if (error)
        cli_fail(&self->owner, error);
}

int image_verify_command(int argc, char **argv) {
    verify self = {0};
    cli_parse("image.verify", argc, argv, &self);
    progress_init(&self.progress, self.mode);
    if (cli_open(&self.owner))
        holm_image_verify(self.owner.client, self.repair, show, ended, &self);
    int exit_code = cli_close(&self.owner);
    progress_finish(&self.progress);
    return exit_code;
}
