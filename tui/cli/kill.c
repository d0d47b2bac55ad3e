#include <limits.h>
#include <signal.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

typedef struct kill_options {
    char **references;
    int signal;
} kill_options;

static const struct argp_option options[] = {
    {"signal", 's', "SIGNAL", 0, "By name or number (KILL)", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    kill_options *self = state->input;
    if (key != 's')
        return references_parse(key, state, 1, UINT_MAX, &self->references);
    self->signal = cli_signal(argument);
    if (!self->signal)
        cli_usage_error(state, "there is no signal \"%s\"", argument);
    return 0;
}

const struct argp kill_argp = {.options = options, .parser = parse};

static void act(cli *self, const char *reference, holm_done done, void *data, const void *given) {
    holm_container_kill(self->client, reference, ((const kill_options *)given)->signal, done, data);
}

int kill_command(int argc, char **argv) {
    kill_options given = {.signal = SIGKILL};
    cli_parse("container.kill", argc, argv, &given);
    return cli_each(given.references, act, NULL, &given);
}
