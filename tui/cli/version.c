#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"

typedef struct version_options {
    output_options output;
    char **references;
} version_options;

static error_t parse(int key, char *argument, struct argp_state *state) {
    version_options *self = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return references_parse(key, state, 0, 0, &self->references);
    state->child_inputs[0] = &self->output;
    return 0;
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp version_argp = {.parser = parse, .children = children};

int version_command(int argc, char **argv) {
    version_options given = {0};
    cli_parse("system.version", argc, argv, &given);
    if (output_is_table(&given.output)) {
        puts("holm " HOLM_VERSION);
        return 0;
    }
    json_t *document = json_pack("{s:s}", "version", HOLM_VERSION);
    int exit_code = output_print(&given.output, document);
    json_decref(document);
    return exit_code;
}
