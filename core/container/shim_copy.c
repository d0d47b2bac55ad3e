// Copy, Stat and the looks into folders: the agent's own calls, handed on. What goes through is not looked
// at; the slower side sets the pace.
#include "core/container/shim.h"

// ---- Copy ----

typedef struct copying {
    shim *shim;
    rpc_stream *client; ///< NULL: gone
    rpc_stream *agent;  ///< NULL: not open yet, or gone
    bool opened;
} copying;

static void copying_check(copying *self) {
    shim *owner = self->shim;
    if (self->client || self->agent)
        return;
    free(self);
    owner->open_streams--;
    shim_finish_if_idle(owner);
}

static void hand_on(rpc_stream *from, rpc_stream *to, const ProtobufCMessage *message) {
    rpc_stream_send(to, message);
    if (rpc_stream_congested(to))
        rpc_stream_pause(from);
}

// ---- the agent's side ----

static void agent_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    copying *self = data;
    if (self->client)
        hand_on(stream, self->client, message);
}

static void agent_drained(rpc_stream *stream, void *data) {
    copying *self = data;
    (void)stream;
    if (self->client)
        rpc_stream_resume(self->client);
}

static void agent_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    copying *self = data;
    (void)code, (void)text;
    cleanup_error holm_error *error = rpc_stream_error(stream);
    self->agent = NULL;
    if (self->client && error)
        rpc_stream_fail(self->client, error);
    else if (self->client)
        rpc_stream_finish(self->client, RPC_OK, NULL);
    copying_check(self);
}

static bool agent_open(copying *self) {
    static const rpc_stream_events events = {
        .message = agent_message, .drained = agent_drained, .close = agent_close};
    shim *owner = self->shim;
    cleanup_error holm_error *error = NULL;
    if (self->opened)
        return self->agent != NULL;
    self->opened = true;
    if (owner->phase == SHIM_RUNNING && owner->agent) {
        self->agent = rpc_call_open(owner->agent, shim_agent_protocol(), "Copy", &events, self, 0);
        return true;
    }
    holm_error_set(&error, HOLM_ERROR_STATE, "the container %s does not run", owner->name);
    rpc_stream_fail(self->client, error);
    return false;
}

// ---- the client's side ----

static void client_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    copying *self = data;
    if (agent_open(self))
        hand_on(stream, self->agent, message);
}

static void client_half_close(rpc_stream *stream, void *data) {
    copying *self = data;
    (void)stream;
    if (agent_open(self))
        rpc_stream_half_close(self->agent);
}

static void client_drained(rpc_stream *stream, void *data) {
    copying *self = data;
    (void)stream;
    if (self->agent)
        rpc_stream_resume(self->agent);
}

static void client_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    copying *self = data;
    (void)stream, (void)code, (void)text;
    self->client = NULL;
    if (self->agent)
        rpc_stream_cancel(self->agent); // its close comes, and frees
    copying_check(self);
}

void shim_copy_open(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = client_message,
                                             .half_close = client_half_close,
                                             .drained = client_drained,
                                             .close = client_close};
    copying *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->shim = data;
    self->client = stream;
    self->shim->open_streams++;
    rpc_stream_set_events(stream, &events, self);
}

// ---- Stat, ListFolder, ReadFile ----

static void agent_answered(const ProtobufCMessage *response, const holm_error *error, void *data) {
    relay_answer(data, response, error);
    free(data);
}

static void ask_agent(waiter *call, const char *method, const ProtobufCMessage *request) {
    shim *self = call->shim;
    cleanup_error holm_error *error = NULL;
    if (self->phase != SHIM_RUNNING || !self->agent) {
        holm_error_set(&error, HOLM_ERROR_STATE, "the container %s does not run", self->name);
        rpc_stream_fail(call->stream, error);
        return;
    }
    relay *asked = calloc(1, sizeof *asked);
    if (!asked)
        abort();
    asked->call = call;
    call->relay = asked;
    rpc_call_unary(self->agent, shim_agent_protocol(), method, request, agent_answered, asked, 10000);
}

#define HAND_ON(name_, method_)                                                 \
    static void handle_##name_(waiter *call, const ProtobufCMessage *request) { \
        ask_agent(call, method_, request);                                      \
    }                                                                           \
    void shim_##name_##_open(rpc_stream *stream, void *data) {                  \
        shim_open_call(stream, data, handle_##name_);                           \
    }
HAND_ON(stat, "Stat")
HAND_ON(list_folder, "ListFolder")
HAND_ON(read_file, "ReadFile")
