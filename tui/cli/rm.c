#include <limits.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

typedef struct rm_options {
    char **references;
    holm_remove_options how;
} rm_options;

static const struct argp_option options[] = {
    {"force", 'f', NULL, 0, "Running ones, too: they are killed first", 0},
    {"volumes", 'v', NULL, 0, "With the volumes without a name that no other container mounts", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    rm_options *self = state->input;
    (void)argument;
    switch (key) {
    case 'f':
        self->how.force = true;
        return 0;
    case 'v':
        self->how.volumes = true;
        return 0;
    default:
        return references_parse(key, state, 1, UINT_MAX, &self->references);
    }
}

const struct argp rm_argp = {.options = options, .parser = parse};

static void act(cli *self, const char *reference, holm_done done, void *data, const void *given) {
    holm_container_remove(self->client, reference, &((const rm_options *)given)->how, done, data);
}

int rm_command(int argc, char **argv) {
    rm_options given = {0};
    cli_parse("container.rm", argc, argv, &given);
    return cli_each(given.references, act, NULL, &given);
}
