#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

enum { KEY_FORMAT = 0x100, KEY_COMPRESS, KEY_PLATFORM, KEY_ALL_PLATFORMS };

typedef struct save {
    cli owner;
    char **references;
    holm_image_save_options options;
} save;

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0, "Write to this file instead of standard output", 0},
    {"format", KEY_FORMAT, "FORMAT", 0,
     "oci-archive (the default) or docker-archive, which both can be loaded", 0},
    {"compress", KEY_COMPRESS, "METHOD", 0, "gzip or zstd, around the whole archive", 0},
    {"platform", KEY_PLATFORM, "PLATFORM", 0, "The image for this platform, of several of one name", 0},
    {"all-platforms", KEY_ALL_PLATFORMS, NULL, 0, "All of a name's platforms that are here, and its index",
     0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    save *self = state->input;
    switch (key) {
    case 'o':
        self->options.path = strcmp(argument, "-") == 0 ? NULL : argument;
        return 0;
    case KEY_FORMAT:
        self->options.format = argument;
        return 0;
    case KEY_COMPRESS:
        self->options.compress = argument;
        return 0;
    case KEY_PLATFORM:
        self->options.platform = argument;
        return 0;
    case KEY_ALL_PLATFORMS:
        self->options.all_platforms = true;
        return 0;
    default:
        return references_parse(key, state, 1, UINT_MAX, &self->references);
    }
}

const struct argp save_argp = {.options = options, .parser = parse};

static void ended(holm_watch *watch, const holm_error *error, void *data) {
    save *self = data;
    (void)watch;
    if (error)
        cli_fail(&self->owner, error);
}

int save_command(int argc, char **argv) {
    save self = {0};
    cli_parse("image.save", argc, argv, &self);
    if (!self.options.path && isatty(STDOUT_FILENO)) {
        fputs("holm: an archive is nothing for a terminal; -o FILE writes it to a file\n", stderr);
        return CLI_EXIT_HOLM;
    }
    json_t *names = json_array();
    for (char **name = self.references; *name; name++)
        json_array_append_new(names, json_string(*name));
    if (cli_open(&self.owner))
        holm_image_save(self.owner.client, names, &self.options, NULL, ended, &self);
    json_decref(names);
    return cli_close(&self.owner);
}
