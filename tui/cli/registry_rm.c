#include <limits.h>
#include <stdio.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

enum { KEY_SCHEME = 0x100 };

typedef struct registry_rm_options {
    char **references;
    const char *scheme;
    bool force;
} registry_rm_options;

static const struct argp_option options[] = {
    {"force", 'f', NULL, 0, "Do not ask first", 0},
    {"scheme", KEY_SCHEME, "SCHEME", 0, "http or https; auto: http for registries on this machine", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    registry_rm_options *self = state->input;
    switch (key) {
    case 'f':
        self->force = true;
        return 0;
    case KEY_SCHEME:
        self->scheme = argument;
        return 0;
    default:
        return references_parse(key, state, 1, UINT_MAX, &self->references);
    }
}

const struct argp registry_rm_argp = {.options = options, .parser = parse};

static void act(cli *self, const char *reference, holm_done done, void *data, const void *given) {
    holm_registry_remove(self->client, reference, ((const registry_rm_options *)given)->scheme, done, data);
}

static void print(const char *reference, json_t *result) {
    (void)reference;
    cleanup_free char *removed = cli_escape(cli_text(result, "reference"));
    puts(removed);
}

int registry_rm_command(int argc, char **argv) {
    registry_rm_options given = {0};
    cli_parse("registry.rm", argc, argv, &given);
    if (!given.force && !cli_confirm("This takes %s%s away from the registry, for everybody.",
                                     *given.references, given.references[1] ? " and others" : ""))
        return CLI_EXIT_HOLM;
    return cli_each(given.references, act, print, &given);
}
