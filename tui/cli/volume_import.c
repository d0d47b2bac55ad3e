#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

typedef struct import_options {
    cli owner;
    char **references;
    const char *path; ///< NULL: standard input
} import_options;

static const struct argp_option options[] = {
    {"input", 'i', "FILE", 0, "Read this file instead of standard input", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    import_options *self = state->input;
    if (key != 'i')
        return references_parse(key, state, 1, 1, &self->references);
    self->path = strcmp(argument, "-") == 0 ? NULL : argument;
    return 0;
}

const struct argp volume_import_argp = {.options = options, .parser = parse};

static void done(json_t *result, const holm_error *error, void *data) {
    if (error)
        cli_fail(data, error);
    else
        puts(cli_text(result, "id"));
}

// The tar becomes standard input, which holm hands on.
static bool take_input(const import_options *self) {
    cleanup_close int file = self->path ? open(self->path, O_RDONLY | O_CLOEXEC) : -1;
    if (self->path && (file < 0 || dup2(file, STDIN_FILENO) < 0)) {
        fprintf(stderr, "holm: open %s: %s\n", self->path, strerror(errno));
        return false;
    }
    if (!self->path && isatty(STDIN_FILENO)) {
        fputs("holm: the tar is read from standard input, or with -i from a file\n", stderr);
        return false;
    }
    return true;
}

int volume_import_command(int argc, char **argv) {
    import_options self = {0};
    cli_parse("volume.import", argc, argv, &self);
    if (!take_input(&self))
        return CLI_EXIT_HOLM;
    if (cli_open(&self.owner))
        holm_volume_import(self.owner.client, self.references[0], done, &self.owner);
    return cli_close(&self.owner);
}
