#include <limits.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

static error_t parse(int key, char *argument, struct argp_state *state) {
    (void)argument;
    return references_parse(key, state, 1, UINT_MAX, state->input);
}

const struct argp wait_argp = {.parser = parse};

static void act(cli *self, const char *reference, holm_done done, void *data, const void *options) {
    (void)options;
    holm_container_wait(self->client, reference, done, data);
}

static void print(const char *reference, json_t *result) {
    (void)reference;
    printf("%d\n", (int)json_integer_value(json_object_get(result, "exitCode")));
}

int wait_command(int argc, char **argv) {
    char **references = NULL;
    cli_parse("container.wait", argc, argv, &references);
    return cli_each(references, act, print, NULL);
}
