// Attach of shim.proto: front ends at the streams of a session.
#define LOG_MODULE "attach"
#include <signal.h>
#include <string.h>

#include "core/base/log.h"
#include "core/container/shim.h"

#define OUTPUT_MOST (64u << 10) // of one message to a front end

typedef Holm__Shim__V1__AttachOutput output_message;

static void fail(attachment *self, holm_error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void fail(attachment *self, holm_error_code code, const char *format, ...) {
    holm_error *error = NULL;
    va_list arguments;
    va_start(arguments, format);
    holm_error_set_va(&error, code, format, arguments);
    va_end(arguments);
    rpc_stream_fail(self->stream, error);
    holm_error_free(error);
}

// ---- output ----

static void send_bytes(attachment *self, int stream, const void *bytes, size_t length) {
    for (const uint8_t *at = bytes; length;) {
        size_t part = length < OUTPUT_MOST ? length : OUTPUT_MOST;
        output_message output;
        holm__shim__v1__attach_output__init(&output);
        ProtobufCBinaryData data = {.data = (uint8_t *)at, .len = part};
        output.part_case = stream == 2 ? HOLM__SHIM__V1__ATTACH_OUTPUT__PART_STDERR
                                       : HOLM__SHIM__V1__ATTACH_OUTPUT__PART_STDOUT;
        if (stream == 2)
            output.stderr = data;
        else
            output.stdout = data;
        rpc_stream_send(self->stream, &output.base);
        at += part;
        length -= part;
    }
}

void attachment_tell(attachment *self) {
    session *at = self->session;
    if (self->told || !at)
        return;
    self->told = true;
    Holm__Shim__V1__Attached attached = HOLM__SHIM__V1__ATTACHED__INIT;
    attached.process = at->name;
    attached.terminal = at->screen != NULL;
    attached.columns = at->columns;
    attached.rows = at->rows;
    output_message output;
    holm__shim__v1__attach_output__init(&output);
    output.part_case = HOLM__SHIM__V1__ATTACH_OUTPUT__PART_ATTACHED;
    output.attached = &attached;
    rpc_stream_send(self->stream, &output.base);
    if (!self->repaint || !at->screen)
        return;
    cleanup_buffer buffer screen = BUFFER_INIT;
    terminal_repaint(at->screen, TERMINAL_SCROLLBACK, &screen);
    send_bytes(self, 1, screen.data, screen.length);
}

void attachment_output(attachment *self, int stream, const void *bytes, size_t length) {
    attachment_tell(self);
    send_bytes(self, stream, bytes, length);
}

// ---- joining a session ----

static void join(attachment *self, session *at, const Holm__Shim__V1__AttachHeader *header) {
    self->session = at;
    self->input = header->stdin;
    self->repaint = header->repaint;
    self->next = at->attachments;
    at->attachments = self;
    session_resize(at, header->columns, header->rows);
    if (at->created)
        attachment_tell(self);
    else
        rpc_stream_pause(self->stream); // its input waits for the process
    session_throttle(at);
}

static void attach_exec(attachment *self, const Holm__Shim__V1__AttachHeader *header) {
    holm_error *error = NULL;
    session *made = shim_exec(self->shim, header->exec, header->process, &error);
    if (!made) {
        rpc_stream_fail(self->stream, error);
        holm_error_free(error);
        return;
    }
    made->keep = header->keep;
    if (header->columns && header->rows) {
        made->columns = header->columns;
        made->rows = header->rows;
    }
    join(self, made, header);
    session_start(made);
}

static void attach_present(attachment *self, const Holm__Shim__V1__AttachHeader *header) {
    shim *owner = self->shim;
    session *at = session_find(owner, header->process);
    if (!at) {
        fail(self, HOLM_ERROR_NOT_FOUND, "there is no session \"%.64s\" in the container %s", header->process,
             owner->name);
        return;
    }
    if (at == owner->init && (at->ended || owner->phase >= SHIM_STOPPING)) {
        if (owner->failure)
            rpc_stream_fail(self->stream, owner->failure);
        else
            fail(self, HOLM_ERROR_STATE, "the container %s has ended", owner->name);
        return;
    }
    if (at == owner->init && !owner->start_wanted && !header->start) {
        fail(self, HOLM_ERROR_STATE, "the container %s has not been started", owner->name);
        return;
    }
    join(self, at, header);
    if (header->start)
        shim_start(owner);
}

// ---- input ----

static void forward(attachment *self, const Holm__Agent__V1__AttachInput *input) {
    rpc_stream *agent = self->session->stream;
    if (!agent)
        return;
    rpc_stream_send(agent, &input->base);
    if (rpc_stream_congested(agent))
        rpc_stream_pause(self->stream);
}

static void take_input(attachment *self, const Holm__Shim__V1__AttachInput *message) {
    Holm__Agent__V1__AttachInput input;
    holm__agent__v1__attach_input__init(&input);
    switch (message->part_case) {
    case HOLM__SHIM__V1__ATTACH_INPUT__PART_STDIN:
        if (!self->input)
            break;
        input.part_case = HOLM__AGENT__V1__ATTACH_INPUT__PART_STDIN;
        input.stdin = message->stdin;
        forward(self, &input);
        break;
    case HOLM__SHIM__V1__ATTACH_INPUT__PART_CLOSE_STDIN:
        if (!self->input)
            break;
        input.part_case = HOLM__AGENT__V1__ATTACH_INPUT__PART_CLOSE_STDIN;
        input.close_stdin = true;
        forward(self, &input);
        break;
    case HOLM__SHIM__V1__ATTACH_INPUT__PART_RESIZE:
        session_resize(self->session, message->resize->columns, message->resize->rows);
        break;
    case HOLM__SHIM__V1__ATTACH_INPUT__PART_SIGNAL:
        session_signal(self->shim, self->session->name, message->signal->signal);
        break;
    default:
        break;
    }
}

static void attach_message(rpc_stream *stream, const ProtobufCMessage *base, void *data) {
    attachment *self = data;
    (void)stream;
    const Holm__Shim__V1__AttachInput *message = (const Holm__Shim__V1__AttachInput *)base;
    bool header = message->part_case == HOLM__SHIM__V1__ATTACH_INPUT__PART_HEADER;
    if (self->joined) {
        if (self->session && !header)
            take_input(self, message);
        return;
    }
    self->joined = true;
    if (!header)
        fail(self, HOLM_ERROR_INVALID, "the first message of Attach must be its header");
    else if (message->header->exec)
        attach_exec(self, message->header);
    else
        attach_present(self, message->header);
}

static void attach_drained(rpc_stream *stream, void *data) {
    attachment *self = data;
    (void)stream;
    if (self->session)
        session_throttle(self->session);
}

static void leave(attachment *self) {
    session *at = self->session;
    attachment **link = &at->attachments;
    while (*link && *link != self)
        link = &(*link)->next;
    if (*link)
        *link = self->next;
    session_throttle(at);
    // An exec session without its only user is of no use, unless it was made to be kept.
    if (!at->attachments && at != self->shim->init && !at->keep && !at->ended)
        session_signal(self->shim, at->name, at->screen ? SIGHUP : SIGKILL);
}

static void attach_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    attachment *self = data;
    (void)stream, (void)code, (void)text;
    shim *owner = self->shim;
    if (self->session)
        leave(self);
    free(self);
    owner->open_streams--;
    shim_finish_if_idle(owner);
}

void attach_open(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {
        .message = attach_message, .drained = attach_drained, .close = attach_close};
    shim *owner = data;
    attachment *self = calloc(1, sizeof *self);
    self->shim = owner;
    self->stream = stream;
    owner->open_streams++;
    rpc_stream_set_events(stream, &events, self);
}
