#include <stdio.h>
#include <stdlib.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"

enum { KEY_SCHEME = 0x100, KEY_LIMIT };

typedef struct tags {
    cli owner;
    output_options output;
    char **name;
    const char *scheme;
    unsigned most;
} tags;

static const struct argp_option options[] = {
    {"limit", KEY_LIMIT, "COUNT", 0, "No more than so many, at most 10000", 0},
    {"scheme", KEY_SCHEME, "SCHEME", 0, "http or https; auto: http for registries on this machine", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    tags *self = state->input;
    char *end;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->output;
        return 0;
    case KEY_SCHEME:
        self->scheme = argument;
        return 0;
    case KEY_LIMIT: {
        unsigned long count = strtoul(argument, &end, 10);
        if (!*argument || *end || count < 1 || count > HOLM_TAGS_MAX)
            cli_usage_error(state, "--limit needs a number from 1 to %d, and \"%s\" is none", HOLM_TAGS_MAX,
                            argument);
        self->most = (unsigned)count;
        return 0;
    }
    default:
        return references_parse(key, state, 1, 1, &self->name);
    }
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp registry_tags_argp = {.options = options, .parser = parse, .children = children};

static void done(json_t *result, const holm_error *error, void *data) {
    tags *self = data;
    size_t index;
    json_t *tag;
    if (error) {
        cli_fail(&self->owner, error);
        return;
    }
    if (!output_is_table(&self->output)) {
        self->owner.exit_code = output_print(&self->output, result);
        return;
    }
    json_array_foreach (json_object_get(result, "tags"), index, tag)
        puts(json_string_value(tag)); // of the letters of a tag only
    if (json_is_true(json_object_get(result, "more")))
        fputs("holm: there are more\n", stderr);
}

int registry_tags_command(int argc, char **argv) {
    tags self = {0};
    cli_parse("registry.tags", argc, argv, &self);
    if (cli_open(&self.owner))
        holm_registry_tags(self.owner.client, *self.name, self.scheme, self.most, done, &self);
    return cli_close(&self.owner);
}
