#include "tui/cli/inspect.h"

#include <limits.h>

#include "tui/cli/commands.h"
#include "tui/cli/references.h"

static error_t parse(int key, char *argument, struct argp_state *state) {
    inspect_options *self = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return references_parse(key, state, 1, UINT_MAX, &self->references);
    state->child_inputs[0] = &self->output;
    return 0;
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp inspect_argp = {.parser = parse, .children = children};
const struct argp image_inspect_argp = {.parser = parse, .children = children};
const struct argp network_inspect_argp = {.parser = parse, .children = children};
const struct argp volume_inspect_argp = {.parser = parse, .children = children};

typedef struct inspection {
    cli owner;
    json_t *documents; // null where there was none
} inspection;

typedef struct slot {
    inspection *owner;
    size_t index;
} slot;

static void done(json_t *result, const holm_error *error, void *data) {
    slot *self = data;
    if (error)
        cli_fail(&self->owner->owner, error);
    else
        json_array_set(self->owner->documents, self->index, result);
    free(self);
}

static json_t *without_nulls(const json_t *documents) {
    json_t *list = json_array();
    size_t index;
    json_t *document;
    json_array_foreach (documents, index, document)
        if (!json_is_null(document))
            json_array_append(list, document);
    return list;
}

int inspect_all(const inspect_options *options, inspect_request request) {
    inspection self = {.documents = json_array()};
    if (cli_open(&self.owner)) {
        for (size_t i = 0; options->references[i]; i++) {
            slot *place = malloc(sizeof *place);
            if (!place)
                abort();
            *place = (slot){.owner = &self, .index = i};
            json_array_append_new(self.documents, json_null());
            request(self.owner.client, options->references[i], done, place);
        }
        uv_run(&self.owner.loop, UV_RUN_DEFAULT);
    }
    json_t *list = without_nulls(self.documents);
    if (json_array_size(list) > 0 && output_print(&options->output, list) != 0)
        self.owner.exit_code = CLI_EXIT_HOLM;
    json_decref(list);
    json_decref(self.documents);
    return cli_close(&self.owner);
}

int inspect_command(int argc, char **argv) {
    inspect_options given = {0};
    cli_parse("container.inspect", argc, argv, &given);
    return inspect_all(&given, holm_container_inspect);
}
