#include "tui/cli/attach.h"

#include <signal.h>
#include <string.h>

#include "tui/cli/detach.h"
#include "tui/cli/stream.h"
#include "tui/cli/terminal.h"

#define HELD_KEYS_MS 300
#define EXIT_HANGUP  (128 + SIGHUP)

// What a terminal or a shell sends to a foreground job; the rest stays ours.
static const int proxied[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH};

typedef struct attach {
    cli *owner;
    attach_options options;
    holm_session *session;
    stream *input, *output, *errors;
    detach_matcher detach;
    uv_timer_t held; // keys that may become the detach keys
    uv_signal_t signals[sizeof proxied / sizeof proxied[0]];
    unsigned open_handles;
    bool attached, ended, ending;
    bool has_terminal;   // ours is raw for it
    unsigned interrupts; // before it was attached
} attach;

static void handle_closed(uv_handle_t *handle) {
    attach *self = handle->data;
    if (--self->open_handles == 0)
        free(self);
}

static void let_go(attach *self) {
    if (self->ending)
        return;
    self->ending = true;
    terminal_restore();
    stream_close(self->input);
    stream_close(self->output);
    stream_close(self->errors);
    for (size_t i = 0; i < array_length(proxied); i++)
        uv_close((uv_handle_t *)&self->signals[i], handle_closed);
    uv_close((uv_handle_t *)&self->held, handle_closed);
}

// Leaves the process to itself.
static void leave(attach *self, int exit_code) {
    if (!self->ended)
        holm_session_close(self->session);
    if (self->owner->exit_code == 0)
        self->owner->exit_code = exit_code;
    let_go(self);
}

// The process as one in a pipe would fare, or with its terminal gone. A session made by exec ends when we
// leave.
static void signal_container(attach *self, int number) {
    if (self->options.ours && !self->options.exec)
        holm_container_kill(self->owner->client, self->options.container, number, NULL, NULL);
}

static void hang_up(attach *self) {
    signal_container(self, SIGHUP);
    leave(self, EXIT_HANGUP);
}

// ---- input ----

static void send_input(attach *self, const char *bytes, size_t length) {
    if (length > 0 && !holm_session_write(self->session, bytes, length))
        stream_stop_reading(self->input);
}

static void send_held(uv_timer_t *timer) {
    attach *self = timer->data;
    if (self->ended || self->ending)
        return;
    char keys[DETACH_KEYS_MAX];
    send_input(self, keys, detach_flush(&self->detach, keys));
}

static void on_input(stream *from, const char *bytes, size_t length, void *data) {
    attach *self = data;
    (void)from;
    if (self->ended || self->ending)
        return;
    if (length == 0 && self->has_terminal) {
        hang_up(self); // the end of a terminal is its loss, not the end of input
        return;
    }
    if (length == 0) {
        holm_session_close_input(self->session);
        return;
    }
    if (self->detach.count == 0) {
        send_input(self, bytes, length);
        return;
    }
    size_t out_length = 0;
    cleanup_free char *out = malloc(length + DETACH_KEYS_MAX);
    if (!out)
        abort();
    bool leaving = detach_feed(&self->detach, bytes, length, out, &out_length);
    send_input(self, out, out_length);
    if (leaving) {
        terminal_restore();
        fputs("\n", stderr);
        leave(self, 0);
    } else if (self->detach.matched > 0) {
        uv_timer_start(&self->held, send_held, HELD_KEYS_MS, 0);
    }
}

static void on_drained(holm_session *session, void *data) {
    attach *self = data;
    (void)session;
    if (self->input)
        stream_go_on_reading(self->input);
}

// ---- output ----

static void on_written(stream *to, int broken, void *data) {
    attach *self = data;
    if (self->ending)
        return;
    bool pending = stream_pending(self->output) || stream_pending(self->errors);
    if (broken && !self->ended) {
        signal_container(self, SIGKILL); // SIGPIPE does not end a PID 1
        leave(self, cli_output_lost(to == self->errors ? "error" : "output", broken));
    } else if (self->ended && !pending) {
        let_go(self);
    } else if (!pending) {
        holm_session_resume(self->session);
    }
}

static void on_output(holm_session *session, int number, const void *bytes, size_t length, void *data) {
    attach *self = data;
    if (!stream_write(number == 2 ? self->errors : self->output, bytes, length))
        holm_session_pause(session);
}

// ---- signals ----

static void send_size(attach *self) {
    unsigned columns, rows;
    if (terminal_size(&columns, &rows))
        holm_session_resize(self->session, columns, rows);
}

static void on_signal(uv_signal_t *handle, int number) {
    attach *self = handle->data;
    if (self->ending || self->ended)
        return;
    if (number == SIGWINCH) {
        if (self->options.terminal)
            send_size(self);
        return;
    }
    if (number == SIGHUP) {
        hang_up(self);
    } else if (!self->options.proxy_signals && !self->options.terminal) {
        leave(self, 128 + number);
    } else if (!self->attached && ++self->interrupts > 1) {
        leave(self, 128 + number); // it does not come up, and the user has had enough
    } else {
        holm_session_signal(self->session, number);
    }
}

// ---- the session ----

static void on_attached(holm_session *session, const char *name, bool terminal, void *data) {
    attach *self = data;
    (void)session, (void)name;
    self->attached = true;
    self->options.terminal = terminal;
    if (terminal && self->options.input && terminal_present()) {
        self->has_terminal = terminal_set_raw();
        send_size(self);
    }
    if (self->options.input)
        self->input = stream_read(&self->owner->loop, STDIN_FILENO, on_input, self);
}

// Where the exit code alone would leave the user to guess.
static void explain(const char *reason) {
    static const struct {
        const char *reason, *sentence, *hint;
    } ends[] = {
        {"out-of-memory", "there was not enough memory for it", "--memory gives a container more"},
        {"vm-lost", "its VM was lost", "holm logs --boot shows what it said last"},
    };
    for (size_t i = 0; i < array_length(ends); i++)
        if (strcmp(ends[i].reason, reason) == 0)
            fprintf(stderr, "holm: %s\n      %s\n", ends[i].sentence, ends[i].hint);
}

static void on_ended(holm_session *session, int exit_code, const holm_error *error, void *data) {
    attach *self = data;
    terminal_restore();
    if (error)
        cli_fail(self->owner, error);
    else
        self->owner->exit_code = exit_code;
    if (!error)
        explain(holm_session_reason(session));
    if (self->options.ended)
        self->options.ended(self->owner, error, self->options.data);
    self->ended = true;
    if (!stream_pending(self->output) && !stream_pending(self->errors))
        let_go(self);
}

static const holm_session_events session_events = {
    .attached = on_attached,
    .output = on_output,
    .drained = on_drained,
    .ended = on_ended,
};

static bool set_detach_keys(attach *self) {
    const char *keys = self->options.detach_keys;
    if (!keys)
        keys = json_string_value(holm_configuration_get(self->owner->client, "console.detach-keys"));
    if (!self->options.terminal || !terminal_present() || !keys)
        keys = "";
    return detach_parse(&self->detach, keys);
}

void attach_open(cli *owner, const attach_options *options) {
    attach *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->owner = owner;
    self->options = *options;
    if (!set_detach_keys(self)) {
        fputs("holm: the detach keys are not understood\n      write them like ctrl-p,ctrl-q or ctrl-]\n",
              stderr);
        owner->exit_code = CLI_EXIT_HOLM;
        free(self);
        return;
    }
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < array_length(proxied); i++) {
        uv_signal_init(&owner->loop, &self->signals[i]);
        self->signals[i].data = self;
        uv_signal_start(&self->signals[i], on_signal, proxied[i]);
    }
    uv_timer_init(&owner->loop, &self->held);
    self->held.data = self;
    self->open_handles = array_length(proxied) + 1;
    self->output = stream_open_output(&owner->loop, STDOUT_FILENO, on_written, self);
    self->errors = stream_open_output(&owner->loop, STDERR_FILENO, on_written, self);
    holm_session_options session = {
        .container = options->container,
        .session = options->session,
        .exec = options->exec,
        .start = options->start,
        .stdin_open = options->input,
        .repaint = options->repaint,
    };
    if (options->terminal)
        terminal_size(&session.columns, &session.rows);
    self->session = holm_session_open(owner->client, &session, &session_events, self);
}
