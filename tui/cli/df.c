// What holm takes on the disk, kind by kind, and with -v thing by thing.
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/table.h"

typedef struct usage {
    cli owner;
    output_options output;
    bool verbose;
} usage;

static const struct argp_option options[] = {
    {"verbose", 'v', NULL, 0, "Each of them", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    usage *self = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->output;
        return 0;
    case 'v':
        self->verbose = true;
        return 0;
    case ARGP_KEY_ARG:
        cli_usage_error(state, "%s takes no arguments", state->name);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp df_argp = {.options = options, .parser = parse, .children = children};

static const char *const kinds[] = {"images", "containers", "volumes", "templates", "kernels"};

static json_int_t number(const json_t *document, const char *key) {
    return json_integer_value(json_object_get(document, key));
}

static void add_bytes(table *out, const json_t *document, const char *key) {
    char text[32];
    table_add(out, holm_text_bytes((uint64_t)number(document, key), text, sizeof text));
}

static void print_kinds(const json_t *result) {
    static const char *const titles[] = {"KIND", ">TOTAL", ">ACTIVE", ">SIZE", ">RECLAIMABLE"};
    table out;
    table_init(&out, titles, array_length(titles));
    for (size_t i = 0; i < array_length(kinds); i++) {
        const json_t *kind = json_object_get(result, kinds[i]);
        table_add(&out, kinds[i]);
        table_add_format(&out, "%lld", (long long)number(kind, "total"));
        table_add_format(&out, "%lld", (long long)number(kind, "active"));
        add_bytes(&out, kind, "sizeBytes");
        add_bytes(&out, kind, "reclaimableBytes");
    }
    table_add(&out, "together");
    table_add(&out, "");
    table_add(&out, "");
    add_bytes(&out, result, "sizeBytes");
    add_bytes(&out, result, "reclaimableBytes");
    table_print(&out);
    table_finish(&out);
}

static void print_items(const char *kind, const json_t *list) {
    static const char *const titles[] = {"NAME", "IN USE", ">SIZE"};
    table out;
    size_t index;
    json_t *item;
    if (json_array_size(list) == 0)
        return;
    printf("\n%s\n", kind);
    table_init(&out, titles, array_length(titles));
    json_array_foreach (list, index, item) {
        table_add(&out, cli_text(item, "name"));
        table_add(&out, json_is_true(json_object_get(item, "active")) ? "yes" : "no");
        add_bytes(&out, item, "sizeBytes");
    }
    table_print(&out);
    table_finish(&out);
}

static void done(json_t *result, const holm_error *error, void *data) {
    usage *self = data;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    if (!output_is_table(&self->output)) {
        self->owner.exit_code = output_print(&self->output, result);
        return;
    }
    print_kinds(result);
    for (size_t i = 0; self->verbose && i < array_length(kinds); i++)
        print_items(kinds[i], json_object_get(json_object_get(result, kinds[i]), "items"));
}

int df_command(int argc, char **argv) {
    usage self = {0};
    cli_parse("system.df", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_system_usage(self.owner.client, done, &self);
    return cli_close(&self.owner);
}
