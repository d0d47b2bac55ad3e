// The steps an image was made in, the newest first, each with the layer that it added.
#include <string.h>
#include <time.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"
#include "tui/cli/table.h"

#define COMMAND_WIDTH 60 ///< of a command that is cut

enum { KEY_NO_TRUNC = 0x100 };

typedef struct history {
    cli owner;
    output_options output;
    char **references;
    bool whole;
} history;

static const struct argp_option options[] = {
    {"no-trunc", KEY_NO_TRUNC, NULL, 0, "Commands and digests in full", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    history *self = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->output;
        return 0;
    case KEY_NO_TRUNC:
        self->whole = true;
        return 0;
    default:
        return references_parse(key, state, 1, 1, &self->references);
    }
}

static const struct argp_child children[] = {{&list_output_argp, 0, NULL, 0}, {0}};
const struct argp image_history_argp = {.options = options, .parser = parse, .children = children};

/// As large as it is on the disk: unpacked, or where it is not yet as it came.
static json_t *bytes_of(const json_t *layer) {
    const json_t *unpacked = json_object_get(layer, "unpackedBytes");
    return json_integer(json_integer_value(unpacked ? unpacked : json_object_get(layer, "sizeBytes")));
}

/// [{createdAt, createdBy, comment, sizeBytes, digest}], the oldest first. A history that is shorter than the
/// layers (it is only what the image says of itself) is filled up.
static json_t *steps_of(const json_t *document) {
    json_t *steps = json_array();
    const json_t *layers = cli_member(document, "status.layers");
    size_t index, layer = 0;
    json_t *entry;
    json_array_foreach (cli_member(document, "status.history"), index, entry) {
        json_t *step = json_deep_copy(entry);
        const json_t *its =
            json_is_true(json_object_get(entry, "emptyLayer")) ? NULL : json_array_get(layers, layer++);
        json_object_set_new(step, "sizeBytes", bytes_of(its));
        if (its)
            json_object_set(step, "digest", json_object_get(its, "digest"));
        json_object_del(step, "emptyLayer");
        json_array_append_new(steps, step);
    }
    for (; layer < json_array_size(layers); layer++) {
        const json_t *its = json_array_get(layers, layer);
        json_array_append_new(steps, json_pack("{s:o, s:O}", "sizeBytes", bytes_of(its), "digest",
                                               json_object_get(its, "digest")));
    }
    return steps;
}

static void add_step(table *out, const json_t *step, bool whole) {
    char age[48] = "", size[32];
    int64_t created = 0;
    const char *digest = cli_text(step, "digest"), *command = cli_text(step, "createdBy");
    if (holm_text_parse_time(cli_text(step, "createdAt"), &created))
        holm_text_duration(time(NULL) - created / 1000000000, age, sizeof age);
    const char *colon = strchr(digest, ':');
    table_add_format(out, "%.*s", whole ? 80 : 12, colon && !whole ? colon + 1 : digest);
    table_add_format(out, "%s%s", age, *age ? " ago" : "");
    if (whole || strlen(command) <= COMMAND_WIDTH)
        table_add(out, command);
    else
        table_add_format(out, "%.*s…", COMMAND_WIDTH, command);
    table_add(out, holm_text_bytes((uint64_t)json_integer_value(json_object_get(step, "sizeBytes")), size,
                                   sizeof size));
    table_add(out, cli_text(step, "comment"));
}

static void print_table(const json_t *steps, bool whole) {
    static const char *const titles[] = {"LAYER", "CREATED", "BY", ">SIZE", "COMMENT"};
    table out;
    table_init(&out, titles, array_length(titles));
    for (size_t i = json_array_size(steps); i-- > 0;)
        add_step(&out, json_array_get(steps, i), whole);
    table_print(&out);
    table_finish(&out);
}

static void done(json_t *document, const holm_error *error, void *data) {
    history *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    json_t *steps = steps_of(document);
    if (self->output.quiet)
        for (size_t i = json_array_size(steps); i-- > 0;)
            puts(*cli_text(json_array_get(steps, i), "digest") ? cli_text(json_array_get(steps, i), "digest")
                                                               : "-");
    else if (output_is_table(&self->output))
        print_table(steps, self->whole);
    else
        self->owner.exit_code = output_print(&self->output, steps);
    json_decref(steps);
}

int image_history_command(int argc, char **argv) {
    history self = {0};
    cli_parse("image.history", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_image_inspect(self.owner.client, self.references[0], done, &self);
    return cli_close(&self.owner);
}
