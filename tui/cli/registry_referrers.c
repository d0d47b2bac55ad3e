#include <stdio.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"
#include "tui/cli/table.h"

enum { KEY_SCHEME = 0x100, KEY_TYPE };

typedef struct referrers {
    cli owner;
    output_options output;
    char **name;
    const char *scheme, *artifact_type;
} referrers;

static const struct argp_option options[] = {
    {"artifact-type", KEY_TYPE, "TYPE", 0, "Only what is of this type", 0},
    {"scheme", KEY_SCHEME, "SCHEME", 0, "http or https; auto: http for registries on this machine", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    referrers *self = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->output;
        return 0;
    case KEY_SCHEME:
        self->scheme = argument;
        return 0;
    case KEY_TYPE:
        self->artifact_type = argument;
        return 0;
    default:
        return references_parse(key, state, 1, 1, &self->name);
    }
}

static const struct argp_child children[] = {{&list_output_argp, 0, NULL, 0}, {0}};
const struct argp registry_referrers_argp = {.options = options, .parser = parse, .children = children};

static const char *type_of(const json_t *referrer) {
    const char *type = cli_text(referrer, "artifactType");
    return *type ? type : cli_text(referrer, "mediaType");
}

static void print_table(const json_t *list) {
    static const char *const titles[] = {"DIGEST", "TYPE", ">SIZE"};
    table out;
    table_init(&out, titles, array_length(titles));
    size_t index;
    json_t *entry;
    json_array_foreach (list, index, entry) {
        table_add(&out, cli_text(entry, "digest"));
        table_add(&out, type_of(entry));
        char size[32];
        table_add(&out, holm_text_bytes((uint64_t)json_integer_value(json_object_get(entry, "size")), size,
                                        sizeof size));
    }
    table_print(&out);
    table_finish(&out);
}

static void done(json_t *result, const holm_error *error, void *data) {
    referrers *self = data;
    const json_t *list = json_object_get(result, "referrers");
    size_t index;
    json_t *entry;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    if (self->output.quiet)
        json_array_foreach (list, index, entry)
            puts(cli_text(entry, "digest")); // of the letters of a digest only
    else if (output_is_table(&self->output))
        print_table(list);
    else
        self->owner.exit_code = output_print(&self->output, result);
    if (json_is_true(json_object_get(result, "more")))
        fputs("holm: there are more\n", stderr);
}

int registry_referrers_command(int argc, char **argv) {
    referrers self = {0};
    cli_parse("registry.referrers", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_registry_referrers(self.owner.client, *self.name, self.scheme, self.artifact_type, done, &self);
    return cli_close(&self.owner);
}
