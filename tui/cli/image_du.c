// What images take on the disk: each of them, and all together.
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/table.h"

typedef struct usage {
    cli owner;
    output_options output;
} usage;

static error_t parse(int key, char *argument, struct argp_state *state) {
    usage *self = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->output;
        return 0;
    case ARGP_KEY_ARG:
        cli_usage_error(state, "%s takes no arguments", state->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp image_du_argp = {.parser = parse, .children = children};

static const char *bytes_of(const json_t *document, const char *path, char out[32]) {
    return holm_text_bytes((uint64_t)json_integer_value(cli_member(document, path)), out, 32);
}

static void print_images(const json_t *list) {
    static const char *const titles[] = {"IMAGE", "PLATFORM", ">SIZE", ">UNIQUE", ">SHARED", ">CONTAINERS"};
    static const char *const sizes[] = {"status.sizeBytes", "status.uniqueBytes", "status.sharedBytes"};
    table out;
    char text[32];
    table_init(&out, titles, array_length(titles));
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        const char *name =
            json_string_value(json_array_get(cli_member(document, "configuration.references"), 0));
        table_add(&out, name ? name : cli_text(document, "id"));
        table_add(&out, cli_text(document, "configuration.platform"));
        for (size_t i = 0; i < array_length(sizes); i++)
            table_add(&out, bytes_of(document, sizes[i], text));
        table_add_format(&out, "%zu", json_array_size(cli_member(document, "status.containers")));
    }
    table_print(&out);
    table_finish(&out);
}

static void done(json_t *result, const holm_error *error, void *data) {
    usage *self = data;
    char all[32], gain[32], layers[32], blobs[32], partial[32];
    if (error) {
        cli_fail(&self->owner, error);
    } else if (!output_is_table(&self->output)) {
        self->owner.exit_code = output_print(&self->output, result);
    } else {
        print_images(json_object_get(result, "images"));
        printf("\n%s in all: layers %s, blobs %s, broken-off pulls %s; %s could be given back\n",
               bytes_of(result, "sizeBytes", all), bytes_of(result, "layerBytes", layers),
               bytes_of(result, "blobBytes", blobs), bytes_of(result, "partialBytes", partial),
               bytes_of(result, "reclaimableBytes", gain));
    }
}

int image_du_command(int argc, char **argv) {
    usage self = {0};
    cli_parse("image.du", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_image_usage(self.owner.client, done, &self);
    return cli_close(&self.owner);
}
