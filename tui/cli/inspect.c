#include "tui/cli/inspect.h"

#include <limits.h>

#include "tui/cli/commands.h"
#include "tui/cli/references.h"
#include "tui/cli/table.h"

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

static char *join(const char *place, const char *key) {
    char *out = NULL;
    if (asprintf(&out, "%s%s%s", place, *place ? "." : "", key) < 0)
        abort();
    return out;
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

// A line for each value, named by its place: configuration.process.arguments.0
static void add_lines(table *out, const char *place, const json_t *value) {
    const char *key;
    size_t index;
    json_t *item;
    cleanup_free char *text = NULL;
    if (json_is_object(value) || json_is_array(value)) {
        json_object_foreach ((json_t *)value, key, item) {
            cleanup_free char *inner = join(place, key);
            add_lines(out, inner, item);
        }
        json_array_foreach (value, index, item) {
            char number[24];
            snprintf(number, sizeof number, "%zu", index);
            cleanup_free char *inner = join(place, number);
            add_lines(out, inner, item);
        }
        return;
    }
    table_add(out, place);
    if (!json_is_string(value))
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    table_add(out, text ? text : json_string_value(value));
}

static void print_table(const json_t *list) {
    static const char *const titles[] = {"WHAT", "VALUE"};
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        table out;
        table_init(&out, titles, array_length(titles));
        add_lines(&out, "", document);
        printf("%s", index ? "\n" : "");
        table_print(&out);
        table_finish(&out);
    }
}

// JSON unless something else is asked for, as other tools do it.
static int print(const output_options *output, const json_t *list) {
    if (!output->format || !output_is_table(output))
        return output_print(output, list);
    print_table(list);
    return 0;
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
    if (json_array_size(list) > 0 && print(&options->output, list) != 0)
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
