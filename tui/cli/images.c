#include <string.h>
#include <time.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/table.h"

typedef struct images_options {
    output_options output;
    filter_options filter;
} images_options;

static error_t parse(int key, char *argument, struct argp_state *state) {
    images_options *self = state->input;
    (void)argument;
    switch (key) {
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

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {&filter_argp, 0, NULL, 0}, {0}};
const struct argp images_argp = {.parser = parse, .children = children};

static const char *hex(const char *id) {
    const char *colon = strchr(id, ':');
    return colon ? colon + 1 : id;
}

static void add_row(table *out, const json_t *document, const char *reference) {
    // The name is what stands before the tag or the digest.
    const char *slash = strrchr(reference, '/');
    size_t length = strcspn(slash ? slash : reference, "@");
    const char *colon = memchr(slash ? slash : reference, ':', length);
    const char *mark = colon ? colon : (slash ? slash : reference) + length;
    char age[48] = "", size[32], unique[32];
    int64_t created = 0;
    if (holm_text_parse_time(cli_text(document, "status.createdAt"), &created))
        holm_text_duration(time(NULL) - created / 1000000000, age, sizeof age);
    if (strncmp(reference, "docker.io/", 10) == 0)
        reference += strncmp(reference + 10, "library/", 8) == 0 ? 18 : 10;
    table_add_format(out, "%.*s", (int)(mark - reference), reference);
    table_add(out, *mark ? mark + 1 : "");
    table_add_format(out, "%.12s", hex(cli_text(document, "id")));
    table_add(out, cli_text(document, "configuration.platform"));
    table_add_format(out, "%s%s", age, *age ? " ago" : "");
    table_add(out, holm_text_bytes((uint64_t)json_integer_value(cli_member(document, "status.sizeBytes")),
                                   size, sizeof size));
    table_add(out, holm_text_bytes((uint64_t)json_integer_value(cli_member(document, "status.uniqueBytes")),
                                   unique, sizeof unique));
}

static void print_table(const json_t *list) {
    static const char *const titles[] = {"NAME", "TAG", "ID", "PLATFORM", "CREATED", ">SIZE", ">UNIQUE"};
    table out;
    table_init(&out, titles, array_length(titles));
    size_t index, name_index;
    json_t *document, *name;
    json_array_foreach (list, index, document) {
        const json_t *names = cli_member(document, "configuration.references");
        json_array_foreach (names, name_index, name)
            add_row(&out, document, json_string_value(name));
        if (json_array_size(names) == 0)
            add_row(&out, document, "-");
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
            printf("%.12s\n", hex(cli_text(document, "id")));
    } else if (output_is_table(&self->given.output)) {
        print_table(list);
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
