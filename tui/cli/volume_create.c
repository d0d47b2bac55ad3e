#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

static const struct argp_option options[] = {
    {"size", 's', "SIZE", 0, "Nominal size (512G); the file on the host is as large as what is in it", 0},
    {"opt", 'o', "KEY=VALUE", 0, "size=SIZE, or journal=MODE[:SIZE]: ordered, writeback or journal", 0},
    {"label", 'l', "KEY[=VALUE]", 0, "A label", 0},
    {0},
};

typedef struct create_options {
    char **names;
    json_t *configuration;
} create_options;

static void add_journal(create_options *self, const struct argp_state *state, const char *text) {
    const char *colon = strchr(text, ':');
    json_t *journal = json_pack("{s:s%}", "mode", text, colon ? (size_t)(colon - text) : strlen(text));
    if (colon)
        json_object_set_new(journal, "sizeBytes",
                            json_integer((json_int_t)cli_size(state, "--opt journal", colon + 1)));
    json_object_set_new(self->configuration, "journal", journal);
}

static void add_option(create_options *self, const struct argp_state *state, const char *text) {
    if (strncmp(text, "size=", 5) == 0)
        json_object_set_new(self->configuration, "sizeBytes",
                            json_integer((json_int_t)cli_size(state, "--opt size", text + 5)));
    else if (strncmp(text, "journal=", 8) == 0)
        add_journal(self, state, text + 8);
    else
        cli_usage_error(state, "--opt knows size= and journal=, not \"%s\"", text);
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    create_options *self = state->input;
    switch (key) {
    case 's':
        return json_object_set_new(self->configuration, "sizeBytes",
                                   json_integer((json_int_t)cli_size(state, "--size", argument)));
    case 'o':
        add_option(self, state, argument);
        return 0;
    case 'l':
        cli_label(state, self->configuration, argument);
        return 0;
    default:
        return references_parse(key, state, 0, 1, &self->names);
    }
}

const struct argp volume_create_argp = {.options = options, .parser = parse};

static void done(json_t *result, const holm_error *error, void *data) {
    if (error)
        cli_fail(data, error);
    else
        puts(cli_text(result, "id"));
}

int volume_create_command(int argc, char **argv) {
    create_options given = {.configuration = json_object()};
    cli_parse("volume.create", argc, argv, &given);
    if (given.names && given.names[0])
        json_object_set_new(given.configuration, "name", json_string(given.names[0]));
    cli self;
    if (cli_open(&self))
        holm_volume_create(self.client, given.configuration, done, &self);
    else
        json_decref(given.configuration);
    return cli_close(&self);
}
