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

static void set_time(stop_options *self, const struct argp_state *state, const char *text) {
    char *end;
    double seconds = strtod(text, &end);
    if (*end || end == text || seconds > 4e6)
        cli_usage_error(state, "--time needs a number of seconds, and \"%s\" is none", text);
    // 0 would mean the container's own.
    self->grace_ms = seconds < 0 ? UINT_MAX : seconds == 0 ? 1 : (unsigned)(seconds * 1000);
}

error_t stop_parse(int key, char *argument, struct argp_state *state) {
    stop_options *self = state->input;
    switch (key) {
    case 't':
        set_time(self, state, argument);
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
