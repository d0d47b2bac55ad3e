// holm stop, and what restart shares with it.
#include "tui/cli/stop.h"

#include <limits.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"

static const struct argp_option options[] = {
    {"time", 't', "SECONDS", 0, "How long it may take before SIGKILL; -1: for ever", 0},
    {"signal", 's', "SIGNAL", 0, "The signal that asks it to end", 0},
    {0},
};

error_t stop_parse(int key, char *argument, struct argp_state *state) {
    stop_options *self = state->input;
    switch (key) {
    case 't':
        self->grace_ms = cli_grace_ms(state, "--time", argument);
        if (self->grace_ms == 0)
            self->grace_ms = 1; // 0 would mean the container's own
        return 0;
    case 's':
        self->signal = cli_signal(argument);
        if (!self->signal)
            cli_usage_error(state, "there is no signal \"%s\"", argument);
        return 0;
    default:
        return references_parse(key, state, 1, UINT_MAX, &self->references);
    }
}

const struct argp stop_argp = {.options = options, .parser = stop_parse};
const struct argp restart_argp = {.options = options, .parser = stop_parse};

static void act(cli *self, const char *reference, holm_done done, void *data, const void *options_data) {
    const stop_options *given = options_data;
    holm_container_stop(self->client, reference, given->signal, given->grace_ms, done, data);
}

int stop_command(int argc, char **argv) {
    stop_options given = {0};
    cli_parse("container.stop", argc, argv, &given);
    return cli_each(given.references, act, NULL, &given);
}
