#include <errno.h>

#include "tui/cli/commands.h"
#include "tui/cli/load.h"
#include "tui/cli/references.h"

static const struct argp_option options[] = {
    {"change", 'c', "INSTRUCTION", 0,
     "A line of the image's configuration, for example 'CMD [\"sh\"]' or 'ENV A=b'", 0},
    {0},
};

static const struct argp_child children[] = {{&progress_argp, 0, NULL, 0}, {0}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    load *self = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->mode;
        return 0;
    case 'c':
        return json_array_append_new(self->changes, json_string(argument)) ? EINVAL : 0;
    default:
        return references_parse(key, state, 2, 2, &self->references);
    }
}

const struct argp import_argp = {.options = options, .parser = parse, .children = children};

int import_command(int argc, char **argv) {
    load self = {.changes = json_array()};
    cli_parse("image.import", argc, argv, &self);
    progress_init(&self.progress, self.mode);
    if (cli_open(&self.owner))
        holm_image_import(self.owner.client, self.references[0], self.references[1], self.changes, load_item,
                          load_ended, &self);
    int exit_code = cli_close(&self.owner);
    progress_finish(&self.progress);
    json_decref(self.changes);
    return exit_code;
}
