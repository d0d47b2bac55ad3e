#include <string.h>
#include <time.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/table.h"

enum { KEY_DIGESTS = 0x100, KEY_NO_TRUNC };

typedef struct images_options {
    output_options output;
    filter_options filter;
    bool digests, whole;
} images_options;

static const struct argp_option options[] = {
    {"digests", KEY_DIGESTS, NULL, 0, "Also the digests by which registries know them", 0},
    {"no-trunc", KEY_NO_TRUNC, NULL, 0, "Ids in full", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    images_options *self = state->input;
    (void)argument;
    switch (key) {
    case KEY_DIGESTS:
        self->digests = true;
        return 0;
    case KEY_NO_TRUNC:
        self->whole = true;
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->output;
        state->child_inputs[1] = &self->filter;
        return 0;
    case ARGP_KEY_ARG:
        cli_usage_error(state, "%s takes no arguments", state->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&list_output_argp, 0, NULL, 0}, {&filter_argp, 0, NULL, 0}, {0}};
const struct argp images_argp = {.options = options, .parser = parse, .children = children};

static const char *hex(const char *id) {
    const char *colon = strchr(id, ':');
    return colon ? colon + 1 : id;
}

static void add_size(table *out, const json_t *document, const char *path) {
    char text[32];
    table_add(out,
              holm_text_bytes((uint64_t)json_integer_value(cli_member(document, path)), text, sizeof text));
}

static void add_row(table *out, const images_options *given, const json_t *document, const char *reference) {
    // The name is what stands before the tag or the digest.
    const char *slash = strrchr(reference, '/');
    size_t length = strcspn(slash ? slash : reference, "@");
    const char *colon = memchr(slash ? slash : reference, ':', length);
    const char *mark = colon ? colon : (slash ? slash : reference) + length;
    char age[48] = "";
    int64_t created = 0;
    if (holm_text_parse_time(cli_text(document, "status.createdAt"), &created))
        holm_text_duration(time(NULL) - created / 1000000000, age, sizeof age);
    if (strncmp(reference, "docker.io/", 10) == 0)
        reference += strncmp(reference + 10, "library/", 8) == 0 ? 18 : 10;
    table_add_format(out, "%.*s", (int)(mark - reference), reference);
    table_add(out, *mark ? mark + 1 : "");
    if (given->digests)
        table_add(out, cli_text(document, "status.digest"));
    table_add_format(out, "%.*s", given->whole ? 64 : 12, hex(cli_text(document, "id")));
    table_add(out, cli_text(document, "configuration.platform"));
    table_add_format(out, "%s%s", age, *age ? " ago" : "");
    add_size(out, document, "status.sizeBytes");
    add_size(out, document, "status.uniqueBytes");
    add_size(out, document, "status.sharedBytes");
}

static void print_table(const images_options *given, const json_t *list) {
    static const char *const titles[] = {"NAME",    "TAG",   "DIGEST",  "ID",     "PLATFORM",
                                         "CREATED", ">SIZE", ">UNIQUE", ">SHARED"};
    const char *shown[array_length(titles)];
    size_t count = 0;
    for (size_t i = 0; i < array_length(titles); i++)
        if (given->digests || strcmp(titles[i], "DIGEST") != 0)
            shown[count++] = titles[i];
    table out;
    table_init(&out, shown, count);
    size_t index, name_index;
    json_t *document, *name;
    json_array_foreach (list, index, document) {
        const json_t *names = cli_member(document, "configuration.references");
        json_array_foreach (names, name_index, name)
            add_row(&out, given, document, json_string_value(name));
        if (json_array_size(names) == 0)
            add_row(&out, given, document, "-");
    }
    table_print(&out);
    table_finish(&out);
}

typedef struct images {
    cli owner;
    images_options given;
} images;

static void done(json_t *list, const holm_error *error, void *data) {
    images *self = data;
    if (error) {
        cli_fail(&self->owner, error);
    } else if (self->given.output.quiet) {
        size_t index;
        json_t *document;
        json_array_foreach (list, index, document)
            printf("%.*s\n", self->given.whole ? 64 : 12, hex(cli_text(document, "id")));
    } else if (output_is_table(&self->given.output)) {
        print_table(&self->given, list);
    } else {
        self->owner.exit_code = output_print(&self->given.output, list);
    }
}

int images_command(int argc, char **argv) {
    images self = {0};
    cli_parse("image.ls", argc, argv, &self.given);
    if (cli_open(&self.owner))
        holm_image_list(self.owner.client, self.given.filter.filters, done, &self);
    json_decref(self.given.filter.filters);
    return cli_close(&self.owner);
}
