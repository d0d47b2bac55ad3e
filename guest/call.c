#include "guest/call.h"

#include <stdlib.h>

#include "guest/agent.h"

struct call {
    agent *self;
    rpc_stream *stream; // NULL once the client is gone
    bool started;       // the request is there
    bool answered;
    call_direct direct;
    call_blocking blocking;
    call_later later;
    void (*gone)(call *answer, void *data);
    void *gone_data;
    uv_work_t work;
    ProtobufCMessage *request, *response; // of the worker
    holm_error *error;
};

static void free_when_done(call *self) {
    if (self->stream || (self->started && !self->answered))
        return;
    free(self);
}

static void finish(call *self) {
    self->answered = true;
    free_when_done(self);
}

void call_reply(call *self, const ProtobufCMessage *response) {
    if (self->stream)
        rpc_stream_reply(self->stream, response);
    finish(self);
}

void call_fail(call *self, const holm_error *error) {
    if (self->stream)
        rpc_stream_fail(self->stream, error);
    finish(self);
}

ProtobufCMessage *call_empty(void) {
    Holm__Agent__V1__Empty *empty = malloc(sizeof *empty);
    if (!empty)
        abort();
    holm__agent__v1__empty__init(empty);
    return &empty->base;
}

void call_reply_empty(call *self) {
    Holm__Agent__V1__Empty empty = HOLM__AGENT__V1__EMPTY__INIT;
    call_reply(self, &empty.base);
}

void call_on_gone(call *self, void (*gone)(call *answer, void *data), void *data) {
    self->gone = gone;
    self->gone_data = data;
}

// Takes the response and the error.
static void answer(call *self, ProtobufCMessage *response, holm_error *error) {
    if (response)
        call_reply(self, response);
    else
        call_fail(self, error);
    if (response)
        protobuf_c_message_free_unpacked(response, NULL);
    holm_error_free(error);
}

static void work_run(uv_work_t *work) {
    call *self = work->data;
    self->response = self->blocking(self->self, self->request, &self->error);
}

static void work_done(uv_work_t *work, int status) {
    call *self = work->data;
    (void)status; // never cancelled
    protobuf_c_message_free_unpacked(self->request, NULL);
    answer(self, self->response, self->error);
}

static void on_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    call *self = data;
    if (self->started) {
        rpc_stream_finish(stream, RPC_INVALID_ARGUMENT, "one request only");
        return;
    }
    self->started = true;
    if (self->later) {
        self->later(self->self, message, self);
    } else if (self->direct) {
        holm_error *error = NULL;
        ProtobufCMessage *response = self->direct(self->self, message, &error);
        answer(self, response, error);
    } else {
        // the request is freed after this
        self->request = agent_copy_message(message);
        self->work.data = self;
        uv_queue_work(agent_loop(self->self), &self->work, work_run, work_done);
    }
}

static void on_half_close(rpc_stream *stream, void *data) {
    if (!((call *)data)->started)
        rpc_stream_finish(stream, RPC_INVALID_ARGUMENT, "a request is missing");
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    call *self = data;
    (void)stream, (void)code, (void)text;
    self->stream = NULL;
    if (self->started && !self->answered && self->gone)
        self->gone(self, self->gone_data);
    else
        free_when_done(self);
}

static call *open_call(rpc_stream *stream, agent *self) {
    static const rpc_stream_events events = {
        .message = on_message, .half_close = on_half_close, .close = on_close};
    call *opened = calloc(1, sizeof *opened);
    if (!opened)
        abort();
    opened->self = self;
    opened->stream = stream;
    rpc_stream_set_events(stream, &events, opened);
    return opened;
}

void call_open_direct(rpc_stream *stream, agent *self, call_direct run) {
    open_call(stream, self)->direct = run;
}

void call_open_blocking(rpc_stream *stream, agent *self, call_blocking run) {
    open_call(stream, self)->blocking = run;
}

void call_open_later(rpc_stream *stream, agent *self, call_later run) {
    open_call(stream, self)->later = run;
}
