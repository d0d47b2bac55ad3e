#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"

typedef struct info {
    cli owner;
    output_options output;
    char **references;
} info;

static error_t parse(int key, char *argument, struct argp_state *state) {
    info *self = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return references_parse(key, state, 0, 0, &self->references);
    state->child_inputs[0] = &self->output;
    return 0;
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp info_argp = {.parser = parse, .children = children};

static void done(json_t *result, const holm_error *error, void *data) {
    info *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    if (output_is_table(&self->output))
        self->output.format = "yaml"; // one thing with many fields is no table
    self->owner.exit_code = output_print(&self->output, result);
}

int info_command(int argc, char **argv) {
    info self = {0};
    cli_parse("system.info", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_system_information(self.owner.client, done, &self);
    return cli_close(&self.owner);
}
