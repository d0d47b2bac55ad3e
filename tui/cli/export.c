// holm export of a container, and of a volume.
#include <string.h>
#include <unistd.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

typedef struct export_options {
    cli owner;
    char **references;
    const char *path; ///< NULL: standard output
} export_options;

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0, "Write to this file instead of standard output", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    export_options *self = state->input;
    if (key != 'o')
        return references_parse(key, state, 1, 1, &self->references);
    self->path = strcmp(argument, "-") == 0 ? NULL : argument;
    return 0;
}

const struct argp export_argp = {.options = options, .parser = parse};
const struct argp volume_export_argp = {.options = options, .parser = parse};

static void done(json_t *result, const holm_error *error, void *data) {
    (void)result;
    if (error)
        cli_fail(data, error);
}

typedef void (*export_call)(holm_client *client, const char *reference, const char *path, holm_done done,
                            void *data);

static int run(const char *name, int argc, char **argv, export_call call) {
    export_options self = {0};
    cli_parse(name, argc, argv, &self);
    if (!self.path && isatty(STDOUT_FILENO)) {
        fputs("holm: a tar is nothing for a terminal; -o FILE writes it to a file\n", stderr);
        return CLI_EXIT_HOLM;
    }
    if (cli_open(&self.owner))
        call(self.owner.client, self.references[0], self.path, done, &self.owner);
    return cli_close(&self.owner);
}

int export_command(int argc, char **argv) {
    return run("container.export", argc, argv, holm_container_export);
}

int volume_export_command(int argc, char **argv) {
    return run("volume.export", argc, argv, holm_volume_export);
}
