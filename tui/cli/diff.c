#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"

typedef struct diff {
    cli owner;
    output_options output;
    char **references;
} diff;

static error_t parse(int key, char *argument, struct argp_state *state) {
    diff *self = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return references_parse(key, state, 1, 1, &self->references);
    state->child_inputs[0] = &self->output;
    return 0;
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp diff_argp = {.parser = parse, .children = children};

static void done(json_t *result, const holm_error *error, void *data) {
    diff *self = data;
    size_t index;
    json_t *change;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    if (!output_is_table(&self->output)) {
        self->owner.exit_code = output_print(&self->output, result);
        return;
    }
    json_array_foreach (result, index, change) {
        cleanup_free char *path = cli_escape(cli_text(change, "path"));
        printf("%s %s\n", cli_text(change, "kind"), path);
    }
}

int diff_command(int argc, char **argv) {
    diff self = {0};
    cli_parse("container.diff", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_container_diff(self.owner.client, self.references[0], done, &self);
    return cli_close(&self.owner);
}
