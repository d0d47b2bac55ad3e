#include "tui/cli/load.h"

#include <unistd.h>

#include "tui/cli/commands.h"
#include "tui/cli/references.h"

static const struct argp_option options[] = {
    {"input", 'i', "FILE", 0, "The archive; also as the argument. Without one, or as -: standard input", 0},
    {0},
};

static const struct argp_child children[] = {{&progress_argp, 0, NULL, 0}, {0}};

typedef struct load_options {
    load load;
    char *input[2];
} load_options;

static error_t parse(int key, char *argument, struct argp_state *state) {
    load_options *self = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->load.mode;
        return 0;
    case 'i':
        self->input[0] = argument;
        self->load.references = self->input;
        return 0;
    case ARGP_KEY_NO_ARGS:
        if (!self->input[0]) {
            if (isatty(STDIN_FILENO))
                cli_usage_error(state, "%s needs an archive: a file, or one on standard input", state->name);
            self->input[0] = (char *)"-";
        }
        self->load.references = self->input;
        return 0;
    default:
        return references_parse(key, state, 1, 1, &self->load.references);
    }
}

const struct argp load_argp = {.options = options, .parser = parse, .children = children};

void load_item(holm_watch *watch, json_t *item, void *data) {
    load *self = data;
    (void)watch;
    progress_show(&self->progress, item);
    if (!json_is_true(json_object_get(item, "done")))
        return;
    size_t index;
    json_t *reference;
    json_array_foreach (json_object_get(item, "references"), index, reference) {
        cleanup_free char *safe = cli_escape(json_string_value(reference));
        puts(safe);
    }
}

void load_ended(holm_watch *watch, const holm_error *error, void *data) {
    load *self = data;
    (void)watch;
    if (error)
        cli_fail(&self->owner, error);
}

int load_command(int argc, char **argv) {
    load_options self = {0};
    cli_parse("image.load", argc, argv, &self);
    progress_init(&self.load.progress, self.load.mode);
    if (cli_open(&self.load.owner))
        holm_image_load(self.load.owner.client, self.load.references[0], load_item, load_ended, &self.load);
    int exit_code = cli_close(&self.load.owner);
    progress_finish(&self.load.progress);
    return exit_code;
}
