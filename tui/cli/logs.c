#include <errno.h>
#include <signal.h>
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/references.h"
#include "tui/cli/stream.h"

enum { KEY_SINCE = 0x100, KEY_BOOT };

typedef struct logs {
    cli owner;
    char **references;
    holm_log_options options;
    bool timestamps;
    holm_log *log;
    stream *output, *errors;
    bool line_open[3]; // the last line of this stream has not ended
    bool ended;
} logs;

static const struct argp_option options[] = {
    {"follow", 'f', NULL, 0, "Go on with what is written, until the container ends", 0},
    {"lines", 'n', "NUMBER", 0, "Only the last lines", 0},
    {"tail", 0, NULL, OPTION_ALIAS, NULL, 0},
    {"since", KEY_SINCE, "TIME", 0, "Only from a time on (2026-11-22T13:00:00Z) or a duration ago (10m)", 0},
    {"timestamps", 't', NULL, 0, "Show the time of each line", 0},
    {"boot", KEY_BOOT, NULL, 0, "The boot log of its machine", 0},
    {0},
};

static void set_lines(logs *self, const struct argp_state *state, const char *text) {
    char *end;
    errno = 0;
    self->options.last = strcmp(text, "all") == 0 ? -1 : strtoll(text, &end, 10);
    if (self->options.last != -1 && (errno || *end || end == text || self->options.last < 0))
        cli_usage_error(state, "--lines needs a number, and \"%s\" is none", text);
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    logs *self = state->input;
    switch (key) {
    case 'f':
        self->options.follow = true;
        return 0;
    case 'n':
        set_lines(self, state, argument);
        return 0;
    case KEY_SINCE:
        if (!holm_text_parse_time(argument, &self->options.since_ns))
            cli_usage_error(state, "--since needs a time or a duration, and \"%s\" is neither", argument);
        return 0;
    case 't':
        self->timestamps = true;
        return 0;
    case KEY_BOOT:
        self->options.boot = true;
        return 0;
    default:
        return references_parse(key, state, 1, 1, &self->references);
    }
}

const struct argp logs_argp = {.options = options, .parser = parse};

static void let_go(logs *self) {
    if (!self->output || stream_pending(self->output) || stream_pending(self->errors))
        return;
    stream_close(steal_pointer(&self->output));
    stream_close(steal_pointer(&self->errors));
}

static void on_line(holm_log *log, int64_t unix_ns, int number, const char *bytes, size_t length,
                    bool partial, void *data) {
    logs *self = data;
    cleanup_buffer buffer line = BUFFER_INIT;
    if (self->timestamps && !self->line_open[number] && unix_ns > 0) {
        char time[32];
        buffer_append_format(&line, "%s ", holm_text_time(unix_ns, time, sizeof time));
    }
    buffer_append(&line, bytes, length);
    if (!partial)
        buffer_append(&line, "\n", 1);
    self->line_open[number] = partial;
    if (!stream_write(number == 2 ? self->errors : self->output, line.data, line.length))
        holm_log_pause(log);
}

static void on_ended(holm_log *log, const holm_error *error, void *data) {
    logs *self = data;
    (void)log;
    if (error)
        cli_fail(&self->owner, error);
    self->ended = true;
    let_go(self);
}

static void on_written(stream *to, int broken, void *data) {
    logs *self = data;
    if (broken && !self->ended) {
        holm_log_close(self->log);
        self->owner.exit_code = cli_output_lost(to == self->errors ? "error" : "output", broken);
        self->ended = true;
    }
    if (self->ended)
        let_go(self);
    else
        holm_log_resume(self->log);
}

static const holm_log_events log_events = {.line = on_line, .ended = on_ended};

int logs_command(int argc, char **argv) {
    logs self = {.options = {.last = -1}};
    cli_parse("container.logs", argc, argv, &self);
    signal(SIGPIPE, SIG_IGN);
    self.options.container = self.references[0];
    if (cli_open(&self.owner)) {
        self.output = stream_open_output(&self.owner.loop, STDOUT_FILENO, on_written, &self);
        self.errors = stream_open_output(&self.owner.loop, STDERR_FILENO, on_written, &self);
        self.log = holm_log_open(self.owner.client, &self.options, &log_events, &self);
    }
    return cli_close(&self.owner);
}
