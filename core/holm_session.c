// Sessions: the standard streams of a process, over one Attach call to the container's shim.
#include <string.h>

#include "core/base/trace.h"
#include "core/holm_internal.h"

#define CHUNK_MAX 65536u // of input in one message

typedef Holm__Shim__V1__AttachInput attach_input;
typedef Holm__Shim__V1__AttachOutput attach_output;

struct holm_session {
    holm_handle handle;
    uv_work_t work;
    holm_session_events events;
    void *data;

    char *container;
    char *name;
    json_t *exec;
    bool start, keep, repaint, stdin_open;

    char id[72];
    int lifeline;
    rpc_connection *connection;
    rpc_stream *stream;
    holm_error *error;

    // What was asked before the stream was there.
    buffer input;
    bool input_closed, paused, congested;
    unsigned columns, rows;
    uint64_t signals; // a bit for each number

    bool closed; // by its owner
    bool exited; // the exit has arrived
    int exit_code;
    char *reason;
};

static void session_free(holm_session *self) {
    if (self->lifeline >= 0)
        close(self->lifeline);
    rpc_connection_destroy(self->connection);
    holm_handle_finish(&self->handle);
    json_decref(self->exec);
    buffer_finish(&self->input);
    holm_error_free(self->error);
    free(self->container);
    free(self->name);
    free(self->reason);
    free(self);
}

static void session_end(holm_session *self) {
    if (!self->closed)
        self->events.ended(self, self->exited ? self->exit_code : -1, self->exited ? NULL : self->error,
                           self->data);
    session_free(self);
}

const char *holm_session_reason(const holm_session *self) {
    return self->reason ? self->reason : "";
}

// ---- opening ----

static int prepare(holm_session *self, state *db) {
    holm_client *client = self->handle.client;
    bool alive = false;
    cleanup_json json_t *document = holm_container_look_up(client, db, self->container, &alive, &self->error);
    if (!document)
        return -1;
    snprintf(self->id, sizeof self->id, "%s", holm_document_id(document));
    if (alive && !container_document_at_rest(document))
        return 0;
    if (!self->start) {
        holm_document_refuse(document, "is not running", &self->error);
        return -1;
    }
    trace_step("look up");
    const container_launch_options options = {.start = false, .pool = client->pool, .cold = client->cold};
    self->lifeline = container_launch(&client->where, db, self->id, &options, &self->error);
    return self->lifeline < 0 ? -1 : 0;
}

static void prepare_on_worker(uv_work_t *work) {
    holm_session *self = work->data;
    state *db = holm_state_take(self->handle.client, &self->error);
    if (!db)
        return;
    prepare(self, db);
    holm_state_give(self->handle.client, db);
}

static void send_input(holm_session *self, attach_input *message,
                       Holm__Shim__V1__AttachInput__PartCase part) {
    message->part_case = part;
    rpc_stream_send(self->stream, &message->base);
}

static void send_header(holm_session *self) {
    Holm__Shim__V1__AttachHeader header = HOLM__SHIM__V1__ATTACH_HEADER__INIT;
    header.process = self->name ? self->name : (char *)(self->exec ? "" : "init");
    header.stdin = self->stdin_open;
    header.repaint = self->repaint;
    header.start = self->start;
    header.keep = self->keep;
    header.columns = self->columns;
    header.rows = self->rows;
    holm_process exec = {0};
    if (self->exec) {
        holm_process_init(&exec, self->exec);
        exec.message.stdin_open = self->stdin_open;
        exec.message.columns = self->columns;
        exec.message.rows = self->rows;
        header.exec = &exec.message;
    }
    attach_input message = HOLM__SHIM__V1__ATTACH_INPUT__INIT;
    message.header = &header;
    send_input(self, &message, HOLM__SHIM__V1__ATTACH_INPUT__PART_HEADER);
    holm_process_finish(&exec);
}

// ---- the stream ----

static void on_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    holm_session *self = data;
    const attach_output *output = (const attach_output *)message;
    (void)stream;
    if (self->closed)
        return;
    switch (output->part_case) {
    case HOLM__SHIM__V1__ATTACH_OUTPUT__PART_ATTACHED:
        trace_step("attached");
        if (self->lifeline >= 0)
            close(steal_fd(&self->lifeline));
        if (self->events.attached)
            self->events.attached(self, output->attached->process, output->attached->terminal, self->data);
        break;
    case HOLM__SHIM__V1__ATTACH_OUTPUT__PART_STDOUT:
        trace_step("output");
        self->events.output(self, 1, output->stdout.data, output->stdout.len, self->data);
        break;
    case HOLM__SHIM__V1__ATTACH_OUTPUT__PART_STDERR:
        self->events.output(self, 2, output->stderr.data, output->stderr.len, self->data);
        break;
    case HOLM__SHIM__V1__ATTACH_OUTPUT__PART_EXIT:
        trace_step("exit");
        self->exited = true;
        self->exit_code = output->exit->exit_code;
        free(self->reason);
        self->reason = strdup(output->exit->reason);
        break;
    default:
        break;
    }
}

static void on_drained(rpc_stream *stream, void *data) {
    holm_session *self = data;
    (void)stream;
    self->congested = false;
    if (!self->closed && self->events.drained)
        self->events.drained(self, self->data);
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    holm_session *self = data;
    (void)text;
    self->stream = NULL;
    if (code != RPC_OK) {
        self->error = rpc_stream_error(stream);
        if (holm_error_code_of(self->error) == HOLM_ERROR_UNAVAILABLE)
            holm_error_wrap(&self->error, "the session with the container %.12s is lost", self->id);
    }
    if (!self->exited && !self->error)
        holm_error_set(&self->error, HOLM_ERROR_UNAVAILABLE,
                       "the session with the container %.12s ended before its process", self->id);
    session_end(self);
}

static const rpc_stream_events stream_events = {
    .message = on_message,
    .drained = on_drained,
    .close = on_close,
};

static void flush_pending(holm_session *self) {
    for (int number = 1; number < 64; number++)
        if (self->signals >> number & 1)
            holm_session_signal(self, number);
    cleanup_buffer buffer input = self->input;
    self->input = BUFFER_INIT;
    if (input.length > 0)
        holm_session_write(self, input.data, input.length);
    if (self->input_closed)
        holm_session_close_input(self);
    if (self->paused)
        rpc_stream_pause(self->stream);
    if (self->congested && !rpc_stream_congested(self->stream)) {
        self->congested = false;
        if (self->events.drained)
            self->events.drained(self, self->data);
    }
}

static void prepared(uv_work_t *work, int status) {
    holm_session *self = work->data;
    (void)status;
    if (!self->closed && !self->error)
        self->connection = holm_container_connect(self->handle.client, self->id, NULL, NULL, &self->error);
    if (!self->connection) {
        if (self->error)
            holm_error_wrap(&self->error, "the container %.12s does not answer", self->id);
        container_launch_explain(self->lifeline, &self->error);
        session_end(self);
        return;
    }
    trace_step("shim is there");
    self->stream = rpc_call_open(self->connection, &shim_protocol, "Attach", &stream_events, self, 0);
    send_header(self);
    flush_pending(self);
}

// ---- what the owner calls ----

static void close_with_client(holm_handle *handle) {
    holm_session_close((holm_session *)handle);
}

holm_session *holm_session_open(holm_client *client, const holm_session_options *options,
                                const holm_session_events *events, void *data) {
    holm_session *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    holm_handle_init(&self->handle, client, close_with_client);
    self->events = *events;
    self->data = data;
    self->container = strdup(options->container);
    self->name = options->session ? strdup(options->session) : NULL;
    self->exec = options->exec ? json_deep_copy(options->exec) : NULL;
    self->start = options->start;
    self->keep = options->keep;
    self->repaint = options->repaint;
    self->stdin_open = options->stdin_open;
    self->columns = options->columns;
    self->rows = options->rows;
    self->lifeline = -1;
    self->work.data = self;
    uv_queue_work(client->loop, &self->work, prepare_on_worker, prepared);
    return self;
}

bool holm_session_write(holm_session *self, const void *bytes, size_t length) {
    if (!self->stream) {
        buffer_append(&self->input, bytes, length);
        self->congested = true;
        return false;
    }
    for (size_t at = 0; at < length; at += CHUNK_MAX) {
        attach_input message = HOLM__SHIM__V1__ATTACH_INPUT__INIT;
        message.stdin.data = (uint8_t *)bytes + at;
        message.stdin.len = length - at < CHUNK_MAX ? length - at : CHUNK_MAX;
        send_input(self, &message, HOLM__SHIM__V1__ATTACH_INPUT__PART_STDIN);
    }
    self->congested = rpc_stream_congested(self->stream);
    return !self->congested;
}

void holm_session_close_input(holm_session *self) {
    self->input_closed = true;
    if (!self->stream)
        return;
    attach_input message = HOLM__SHIM__V1__ATTACH_INPUT__INIT;
    message.close_stdin = true;
    send_input(self, &message, HOLM__SHIM__V1__ATTACH_INPUT__PART_CLOSE_STDIN);
}

void holm_session_resize(holm_session *self, unsigned columns, unsigned rows) {
    self->columns = columns;
    self->rows = rows;
    if (!self->stream)
        return;
    Holm__Shim__V1__WindowSize size = HOLM__SHIM__V1__WINDOW_SIZE__INIT;
    size.columns = columns;
    size.rows = rows;
    attach_input message = HOLM__SHIM__V1__ATTACH_INPUT__INIT;
    message.resize = &size;
    send_input(self, &message, HOLM__SHIM__V1__ATTACH_INPUT__PART_RESIZE);
}

void holm_session_signal(holm_session *self, int number) {
    if (!self->stream) {
        if (number > 0 && number < 64)
            self->signals |= UINT64_C(1) << number;
        return;
    }
    Holm__Shim__V1__SignalRequest request = HOLM__SHIM__V1__SIGNAL_REQUEST__INIT;
    request.process = self->name ? self->name : (char *)"";
    request.signal = number;
    attach_input message = HOLM__SHIM__V1__ATTACH_INPUT__INIT;
    message.signal = &request;
    send_input(self, &message, HOLM__SHIM__V1__ATTACH_INPUT__PART_SIGNAL);
}

void holm_session_pause(holm_session *self) {
    self->paused = true;
    if (self->stream)
        rpc_stream_pause(self->stream);
}

void holm_session_resume(holm_session *self) {
    self->paused = false;
    if (self->stream)
        rpc_stream_resume(self->stream);
}

void holm_session_close(holm_session *self) {
    if (!self)
        return;
    self->closed = true;
    if (self->stream)
        rpc_stream_cancel(self->stream);
}
