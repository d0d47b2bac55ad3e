#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"
#include "tui/cli/table.h"

typedef struct volumes {
    cli owner;
    output_options output;
    filter_options filter;
    char **references;
} volumes;

static error_t parse(int key, char *argument, struct argp_state *state) {
    volumes *self = state->input;
    (void)argument;
    if (key != ARGP_KEY_INIT)
        return references_parse(key, state, 0, 0, &self->references);
    state->child_inputs[0] = &self->output;
    state->child_inputs[1] = &self->filter;
    return 0;
}

static const struct argp_child children[] = {
    {&list_output_argp, 0, NULL, 0}, {&filter_argp, 0, NULL, 0}, {0}};
const struct argp volume_ls_argp = {.parser = parse, .children = children};

static void add_size(table *out, const json_t *document, const char *path) {
    char size[32];
    table_add(out,
              holm_text_bytes((uint64_t)json_integer_value(cli_member(document, path)), size, sizeof size));
}

static void print_table(const json_t *list) {
    static const char *const titles[] = {"NAME", "KIND", ">USED", ">SIZE", ">CONTAINERS"};
    table out;
    table_init(&out, titles, array_length(titles));
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        table_add(&out, cli_text(document, "id"));
        table_add(&out,
                  json_is_true(cli_member(document, "configuration.anonymous")) ? "anonymous" : "named");
        add_size(&out, document, "status.usedBytes");
        add_size(&out, document, "configuration.sizeBytes");
        table_add_format(&out, "%zu", json_array_size(cli_member(document, "status.containers")));
    }
    table_print(&out);
    table_finish(&out);
}

static void done(json_t *list, const holm_error *error, void *data) {
    volumes *self = data;
    size_t index;
    json_t *document;
    if (error) {
        cli_fail(&self->owner, error);
    } else if (self->output.quiet) {
        json_array_foreach (list, index, document)
            puts(cli_text(document, "id"));
    } else if (output_is_table(&self->output)) {
        print_table(list);
    } else {
        self->owner.exit_code = output_print(&self->output, list);
    }
}

int volume_ls_command(int argc, char **argv) {
    volumes self = {0};
    cli_parse("volume.ls", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_volume_list(self.owner.client, self.filter.filters, done, &self);
    json_decref(self.filter.filters);
    return cli_close(&self.owner);
}
