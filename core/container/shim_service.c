// The service of shim.proto, but for Attach and Statistics.
#define LOG_MODULE "service"
#include <signal.h>
#include <string.h>

#include "core/base/log.h"
#include "core/container/shim_devices.h"

// ---- calls that wait ----

void waiter_add(waiter **list, waiter *call) {
    call->next = *list;
    call->list = list;
    *list = call;
}

static void waiter_unlink(waiter *self) {
    for (waiter **link = self->list; link && *link; link = &(*link)->next) {
        if (*link != self)
            continue;
        *link = self->next;
        break;
    }
    self->list = NULL;
}

void waiters_answer(waiter **list, const ProtobufCMessage *answer, const holm_error *error) {
    for (waiter *first; (first = *list);) {
        waiter_unlink(first);
        if (answer)
            rpc_stream_reply(first->stream, answer);
        else if (error)
            rpc_stream_fail(first->stream, error);
        else
            rpc_stream_finish(first->stream, RPC_ABORTED, "it ended before it was answered");
    }
}

// ---- every unary call: its request, then its answer now or later ----

static void call_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    waiter *call = data;
    (void)stream;
    void (*handler)(waiter *, const ProtobufCMessage *) = call->handler;
    call->handler = NULL; // one request is one call
    if (handler)
        handler(call, message);
}

static void waiter_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    waiter *call = data;
    (void)stream, (void)code, (void)text;
    shim *owner = call->shim;
    waiter_unlink(call);
    if (call->relay)
        call->relay->call = NULL;
    free(call);
    owner->open_streams--;
    shim_finish_if_idle(owner);
}

void shim_open_call(rpc_stream *stream, shim *self,
                    void (*handler)(waiter *call, const ProtobufCMessage *request)) {
    static const rpc_stream_events events = {.message = call_message, .close = waiter_close};
    waiter *call = calloc(1, sizeof *call);
    call->shim = self;
    call->stream = stream;
    call->handler = handler;
    self->open_streams++;
    rpc_stream_set_events(stream, &events, call);
}

static void fail_state(waiter *call, const char *what) {
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_STATE, "the container %s %s", call->shim->name, what);
    rpc_stream_fail(call->stream, error);
    holm_error_free(error);
}

static void reply_empty(waiter *call) {
    static const Holm__Shim__V1__Empty empty = HOLM__SHIM__V1__EMPTY__INIT;
    rpc_stream_reply(call->stream, &empty.base);
}

// ---- Start, Status, Wait, Stop, Signal ----

static void handle_start(waiter *call, const ProtobufCMessage *request) {
    shim *self = call->shim;
    (void)request;
    if (self->phase == SHIM_RESTARTING) {
        waiter_add(&self->start_waiters, call);
        shim_restart_now(self);
    } else if (self->phase >= SHIM_STOPPING && self->failure) {
        rpc_stream_fail(call->stream, self->failure);
    } else if (self->phase >= SHIM_RUNNING) {
        // It may have ended already: it did start.
        Holm__Shim__V1__StartResponse answer = HOLM__SHIM__V1__START_RESPONSE__INIT;
        answer.pid = self->init->pid;
        rpc_stream_reply(call->stream, &answer.base);
    } else {
        waiter_add(&self->start_waiters, call);
        shim_start(self);
    }
}

static void handle_status(waiter *call, const ProtobufCMessage *request) {
    static const char *const names[] = {"booting",  "prepared", "starting",   "running",
                                        "stopping", "exited",   "restarting", "exited"};
    shim *self = call->shim;
    (void)request;
    Holm__Shim__V1__StatusResponse answer = HOLM__SHIM__V1__STATUS_RESPONSE__INIT;
    answer.state = (char *)names[self->phase];
    answer.version = (char *)HOLM_VERSION;
    answer.vm_pid = self->machine ? (uint32_t)self->driver->pid(self->machine) : 0;
    answer.accelerator = (char *)(self->accelerator == MACHINE_KVM ? "kvm" : "tcg");
    rpc_stream_reply(call->stream, &answer.base);
}

static void wait_for_end(waiter *call) {
    Holm__Shim__V1__ExitStatus status;
    shim_exit_status(call->shim, &status);
    if (call->shim->phase == SHIM_DONE)
        rpc_stream_reply(call->stream, &status.base);
    else
        waiter_add(&call->shim->end_waiters, call);
}

static void handle_wait(waiter *call, const ProtobufCMessage *request) {
    (void)request;
    wait_for_end(call);
}

static void handle_stop(waiter *call, const ProtobufCMessage *base) {
    const Holm__Shim__V1__StopRequest *request = (const Holm__Shim__V1__StopRequest *)base;
    if (request->signal < 0 || request->signal > 64) {
        fail_state(call, "cannot be sent that signal");
        return;
    }
    call->shim->user_ended = true;
    call->shim->kept = request->keep;
    wait_for_end(call);
    shim_stop(call->shim, request->signal, request->grace_ms);
}

static void handle_signal(waiter *call, const ProtobufCMessage *base) {
    const Holm__Shim__V1__SignalRequest *request = (const Holm__Shim__V1__SignalRequest *)base;
    shim *self = call->shim;
    session *to = session_find(self, request->process);
    if (!to || !to->created || self->phase != SHIM_RUNNING) {
        fail_state(call, "has no such process that runs");
        return;
    }
    int asks_to_end = (int)json_integer_value(json_object_get(self->configuration, "stopSignal"));
    if (to == self->init && (request->signal == SIGKILL || request->signal == asks_to_end))
        self->user_ended = true;
    session_signal(self, to->name, request->signal);
    if (to == self->init)
        shim_store_note(self, NULL, "kill", json_pack("{s:i}", "signal", request->signal));
    reply_empty(call);
}

// ---- Exec, Sessions ----

session *shim_exec(shim *self, const Holm__Shim__V1__ProcessConfiguration *request, const char *name,
                   holm_error **error) {
    if (self->phase != SHIM_RUNNING) {
        holm_error_set(error, HOLM_ERROR_STATE, "the container %s does not run", self->name);
        return NULL;
    }
    if (self->stalled) {
        holm_error_set(error, HOLM_ERROR_NO_SPACE,
                       "the container %s stands still: there is no room on the disk for what it writes",
                       self->name);
        holm_error_hint(error, "make room on %s, then it goes on by itself", self->where.data);
        return NULL;
    }
    if (!request || request->n_arguments == 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no command to run");
        return NULL;
    }
    if (self->session_count >= SHIM_SESSIONS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the container %s has %u sessions already", self->name,
                       SHIM_SESSIONS_MOST);
        return NULL;
    }
    cleanup_free char *made = name && *name
                                  ? path_format("%.64s", name)
                                  : path_format("exec-%llu", (unsigned long long)++self->session_counter);
    if (session_find(self, made)) {
        holm_error_set(error, HOLM_ERROR_EXISTS, "there is a session \"%s\" already", made);
        return NULL;
    }
    session *added = session_create(self, made, configuration_exec(self->configuration, request));
    added->next = self->sessions;
    self->sessions = added;
    self->session_count++;
    return added;
}

static void handle_exec(waiter *call, const ProtobufCMessage *base) {
    const Holm__Shim__V1__ExecRequest *request = (const Holm__Shim__V1__ExecRequest *)base;
    holm_error *error = NULL;
    session *made = shim_exec(call->shim, request->process, request->name, &error);
    if (!made) {
        rpc_stream_fail(call->stream, error);
        holm_error_free(error);
        return;
    }
    made->keep = true;
    waiter_add(&made->exec_waiters, call);
    session_start(made);
}

static void describe_session(const session *from, Holm__Shim__V1__Session *out) {
    holm__shim__v1__session__init(out);
    out->name = from->name;
    out->arguments = from->process->arguments;
    out->n_arguments = from->process->n_arguments;
    out->terminal = from->screen != NULL;
    out->running = from->created && !from->ended && !from->process_ended;
    out->title = (char *)(from->screen ? terminal_title(from->screen) : "");
    for (const attachment *reader = from->attachments; reader; reader = reader->next)
        out->attached++;
}

static void handle_sessions(waiter *call, const ProtobufCMessage *request) {
    (void)request;
    shim *self = call->shim;
    Holm__Shim__V1__Session sessions[SHIM_SESSIONS_MOST + 1];
    Holm__Shim__V1__Session *pointers[SHIM_SESSIONS_MOST + 1];
    Holm__Shim__V1__SessionsResponse answer = HOLM__SHIM__V1__SESSIONS_RESPONSE__INIT;
    describe_session(self->init, &sessions[answer.n_sessions++]);
    for (session *at = self->sessions; at && answer.n_sessions <= SHIM_SESSIONS_MOST; at = at->next)
        if (!at->health)
            describe_session(at, &sessions[answer.n_sessions++]);
    for (size_t i = 0; i < answer.n_sessions; i++)
        pointers[i] = &sessions[i];
    answer.sessions = pointers;
    rpc_stream_reply(call->stream, &answer.base);
}

// ---- Processes: asked of the agent ----

bool relay_answer(relay *self, const ProtobufCMessage *answer, const holm_error *error) {
    waiter *call = steal_pointer(&self->call);
    if (!call)
        return false;
    call->relay = NULL;
    if (error)
        rpc_stream_fail(call->stream, error);
    else
        rpc_stream_reply(call->stream, answer);
    return true;
}

static void processes_listed(const ProtobufCMessage *response, const holm_error *error, void *data) {
    relay *asked = data;
    waiter *call = asked->call;
    free(asked);
    if (!call)
        return;
    call->relay = NULL;
    if (error) {
        rpc_stream_fail(call->stream, error);
        return;
    }
    // The two messages have the same fields: what one packs the other unpacks.
    size_t size = protobuf_c_message_get_packed_size(response);
    uint8_t *bytes = malloc(size ? size : 1);
    protobuf_c_message_pack(response, bytes);
    Holm__Shim__V1__ProcessesResponse *answer = holm__shim__v1__processes_response__unpack(NULL, size, bytes);
    free(bytes);
    if (answer)
        rpc_stream_reply(call->stream, &answer->base);
    else
        rpc_stream_finish(call->stream, RPC_INTERNAL, "the agent's process list makes no sense");
    holm__shim__v1__processes_response__free_unpacked(answer, NULL);
}

static void handle_processes(waiter *call, const ProtobufCMessage *request) {
    static const Holm__Agent__V1__Empty empty = HOLM__AGENT__V1__EMPTY__INIT;
    shim *self = call->shim;
    (void)request;
    if (self->phase != SHIM_RUNNING || !self->agent) {
        fail_state(call, "does not run");
        return;
    }
    relay *asked = calloc(1, sizeof *asked);
    asked->call = call;
    call->relay = asked;
    rpc_call_unary(self->agent, shim_agent_protocol(), "ListProcesses", &empty.base, processes_listed, asked,
                   10000);
}

// ---- the service ----

#define OPEN(name_)                                            \
    static void open_##name_(rpc_stream *stream, void *data) { \
        shim_open_call(stream, data, handle_##name_);          \
    }
OPEN(start)
OPEN(status)
OPEN(wait)
OPEN(stop)
OPEN(signal)
OPEN(exec)
OPEN(sessions)
OPEN(processes)

#define AGENT_METHOD(name_, open_, request_, response_)                         \
    {                                                                           \
        .name = name_, .request = &holm__agent__v1__##request_##__descriptor,   \
        .response = &holm__agent__v1__##response_##__descriptor, .open = open_, \
    }
#define METHOD(name_, open_, request_, response_)                              \
    {                                                                          \
        .name = name_, .request = &holm__shim__v1__##request_##__descriptor,   \
        .response = &holm__shim__v1__##response_##__descriptor, .open = open_, \
    }

static const rpc_method methods[] = {
    METHOD("Start", open_start, start_request, start_response),
    METHOD("Status", open_status, empty, status_response),
    METHOD("Wait", open_wait, empty, exit_status),
    METHOD("Stop", open_stop, stop_request, exit_status),
    METHOD("Signal", open_signal, signal_request, empty),
    METHOD("Attach", attach_open, attach_input, attach_output),
    METHOD("Exec", open_exec, exec_request, exec_response),
    METHOD("Sessions", open_sessions, empty, sessions_response),
    METHOD("Processes", open_processes, empty, processes_response),
    METHOD("Snapshot", snapshot_open, empty, empty),
    AGENT_METHOD("Copy", shim_copy_open, copy_message, copy_message),
    AGENT_METHOD("Stat", shim_stat_open, stat_request, stat_response),
    AGENT_METHOD("ListFolder", shim_list_folder_open, folder_request, folder_response),
    AGENT_METHOD("ReadFile", shim_read_file_open, file_request, file_response),
    METHOD("Connect", connect_open, connect_request, empty),
    METHOD("Disconnect", disconnect_open, disconnect_request, empty),
    METHOD("Publish", publish_open, publish_request, empty),
    METHOD("Unpublish", unpublish_open, publish_request, empty),
    METHOD("Mount", mount_open, mount_request, empty),
    METHOD("Unmount", unmount_open, unmount_request, empty),
    METHOD("Statistics", statistics_open, statistics_request, statistics_sample),
};
static const rpc_service service = {
    .name = "holm.shim.v1.Shim", .methods = methods, .method_count = array_length(methods)};

static void connections_changed(rpc_server *server, void *data) {
    shim *self = data;
    if (rpc_server_connection_count(server) == 0 && self->lifeline < 0 && !self->start_wanted)
        shim_abandon(self);
}

int shim_listen(shim *self, holm_error **error) {
    static const rpc_service *const services[] = {&service};
    self->service_data[0] = self;
    cleanup_free char *path = container_socket(&self->where, self->id);
    self->server = rpc_server_create(self->loop, services, self->service_data, 1);
    rpc_server_on_change(self->server, connections_changed, self);
    return rpc_server_listen(self->server, path, SHIM_CONNECTIONS_MOST, error);
}
