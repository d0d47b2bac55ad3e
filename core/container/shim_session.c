// Sessions: the processes in the guest whose streams the shim holds, init and those of exec.
#define LOG_MODULE "session"
#include <string.h>

#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/base/time.h"
#include "core/container/shim_devices.h"

session *session_create(shim *self, const char *name, Holm__Agent__V1__Process *process) {
    session *made = calloc(1, sizeof *made);
    made->shim = self;
    made->name = path_format("%s", name);
    made->process = process;
    made->columns = process->columns;
    made->rows = process->rows;
    if (process->terminal)
        made->screen = terminal_create(process->columns, process->rows);
    return made;
}

void session_destroy(session *self) {
    if (!self)
        return;
    if (self->stream) {
        rpc_stream_set_events(self->stream, &(rpc_stream_events){0}, NULL);
        rpc_stream_cancel(self->stream);
    }
    holm__agent__v1__process__free_unpacked(self->process, NULL);
    if (self->exit)
        holm__agent__v1__process_exit__free_unpacked(self->exit, NULL);
    terminal_destroy(self->screen);
    free(self->name);
    free(self);
}

session *session_find(shim *self, const char *name) {
    if (name[0] == 0 || strcmp(name, SHIM_INIT) == 0)
        return self->init;
    session *found = self->sessions;
    while (found && strcmp(found->name, name) != 0)
        found = found->next;
    return found;
}

// ---- output ----

// Back pressure has one place: the agent's stream. Whoever cannot take more stops it, and with it the writer.
void session_throttle(session *self) {
    bool full = self->shim->log && self == self->shim->init && shim_log_congested(self->shim->log);
    for (attachment *reader = self->attachments; reader; reader = reader->next)
        full |= rpc_stream_congested(reader->stream);
    // What is left of an ended process is bounded by its pipes: taken at once, so that its end is known.
    if (self->process_ended && self->after_exit < SHIM_AFTER_EXIT_MOST)
        full = false;
    if (!self->stream || full == self->paused)
        return;
    self->paused = full;
    if (full)
        rpc_stream_pause(self->stream);
    else
        rpc_stream_resume(self->stream);
}

// With nobody there, the program's questions to its terminal are answered here.
static void answer_questions(session *self) {
    char answer[256];
    size_t length;
    while ((length = terminal_answers(self->screen, answer, sizeof answer)) > 0) {
        if (self->attachments || !self->stream || rpc_stream_congested(self->stream))
            continue;
        Holm__Agent__V1__AttachInput input;
        holm__agent__v1__attach_input__init(&input);
        input.part_case = HOLM__AGENT__V1__ATTACH_INPUT__PART_STDIN;
        input.stdin = (ProtobufCBinaryData){.data = (uint8_t *)answer, .len = length};
        rpc_stream_send(self->stream, &input.base);
    }
}

static void take_output(session *self, int stream, const ProtobufCBinaryData *bytes) {
    if (bytes->len == 0)
        return;
    if (self->process_ended)
        self->after_exit += bytes->len;
    for (attachment *reader = self->attachments; reader; reader = reader->next)
        attachment_output(reader, stream, bytes->data, bytes->len);
    if (self == self->shim->init && self->shim->log)
        shim_log_add(self->shim->log, stream, bytes->data, bytes->len);
    if (self->health)
        shim_health_output(self->health, bytes->data, bytes->len);
    if (self->screen) {
        terminal_feed(self->screen, bytes->data, bytes->len);
        answer_questions(self);
    }
    session_throttle(self);
}

// ---- the end ----

static const char *reason_of(const Holm__Agent__V1__ProcessExit *exit) {
    return exit->out_of_memory ? "out-of-memory" : exit->signal ? "signal" : "exited";
}

void shim_ignore(const ProtobufCMessage *response, const holm_error *error, void *data) {
    (void)response, (void)data;
    if (error)
        log_debug("%s", holm_error_message(error));
}

static void unlink_session(session *self) {
    session **link = &self->shim->sessions;
    while (*link && *link != self)
        link = &(*link)->next;
    if (*link) {
        *link = self->next;
        self->shim->session_count--;
    }
}

static void delete_in_guest(session *self) {
    Holm__Agent__V1__ProcessRequest request = HOLM__AGENT__V1__PROCESS_REQUEST__INIT;
    request.name = self->name;
    if (self->shim->agent && self->created)
        rpc_call_unary(self->shim->agent, shim_agent_protocol(), "DeleteProcess", &request.base, shim_ignore,
                       NULL, 0);
}

// The process has ended with this, or is lost with this error.
static void session_end(session *self, const Holm__Agent__V1__ProcessExit *exit, const holm_error *error) {
    shim *owner = self->shim;
    if (self->ended)
        return;
    self->ended = true;
    if (self == owner->init) {
        if (exit)
            shim_end(owner, exit->exit_code, reason_of(exit), exit->finished_unix_ns, NULL);
        return;
    }
    bool asked = self->health != NULL; // by us: no event of it
    Holm__Shim__V1__ExitStatus status = HOLM__SHIM__V1__EXIT_STATUS__INIT;
    if (exit) {
        status.exit_code = exit->exit_code;
        status.reason = (char *)reason_of(exit);
        status.finished_unix_ns = exit->finished_unix_ns;
        if (!asked)
            shim_store_note(owner, NULL, "exec-die",
                            json_pack("{s:s, s:i}", "session", self->name, "exitCode", exit->exit_code));
    }
    if (asked)
        shim_health_ended(steal_pointer(&self->health), exit, error);
    session_release(self, exit ? &status : NULL, error);
    delete_in_guest(self);
    unlink_session(self);
    session_destroy(self);
}

void session_release(session *self, const Holm__Shim__V1__ExitStatus *status, const holm_error *error) {
    for (attachment *reader; (reader = self->attachments);) {
        self->attachments = reader->next;
        reader->session = NULL;
        if (!status) {
            rpc_stream_fail(reader->stream, error);
            continue;
        }
        Holm__Shim__V1__AttachOutput output;
        holm__shim__v1__attach_output__init(&output);
        output.part_case = HOLM__SHIM__V1__ATTACH_OUTPUT__PART_EXIT;
        output.exit = (Holm__Shim__V1__ExitStatus *)status;
        rpc_stream_send(reader->stream, &output.base);
        rpc_stream_finish(reader->stream, RPC_OK, NULL);
    }
    if (self->exec_waiters)
        waiters_answer(&self->exec_waiters, NULL, error);
}

void session_process_ended(session *self) {
    self->process_ended = true;
    session_throttle(self);
}

// ---- the agent's stream ----

static void agent_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    session *self = data;
    const Holm__Agent__V1__AttachOutput *output = (const Holm__Agent__V1__AttachOutput *)message;
    if (self->exit) { // the exit comes last: who goes on has broken its word
        rpc_stream_cancel(stream);
        return;
    }
    switch (output->part_case) {
    case HOLM__AGENT__V1__ATTACH_OUTPUT__PART_STDOUT:
        if (self->shim->init == self)
            fault_point("run.output");
        take_output(self, 1, &output->stdout);
        break;
    case HOLM__AGENT__V1__ATTACH_OUTPUT__PART_STDERR:
        take_output(self, 2, &output->stderr);
        break;
    case HOLM__AGENT__V1__ATTACH_OUTPUT__PART_EXIT:
        self->exit = (Holm__Agent__V1__ProcessExit *)protobuf_c_message_unpack(output->exit->base.descriptor,
                                                                               NULL, 0, NULL);
        self->exit->exit_code = output->exit->exit_code & 0xff;
        self->exit->signal = output->exit->signal;
        self->exit->out_of_memory = output->exit->out_of_memory;
        self->exit->finished_unix_ns = output->exit->finished_unix_ns;
        break;
    default:
        break;
    }
}

static void agent_drained(rpc_stream *stream, void *data) {
    session *self = data;
    (void)stream;
    for (attachment *writer = self->attachments; writer; writer = writer->next)
        if (writer->input)
            rpc_stream_resume(writer->stream);
}

static void open_streams(session *self);

static void agent_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    session *self = data;
    self->stream = NULL;
    (void)text;
    if (self->exit) {
        session_end(self, self->exit, NULL);
        return;
    }
    // It was faster than its process: opened again when that is there.
    if (code == RPC_NOT_FOUND && !self->created)
        return;
    if (code == RPC_NOT_FOUND && !self->opened_again) {
        self->opened_again = true;
        open_streams(self);
        return;
    }
    holm_error *error = rpc_stream_error(stream);
    if (!error)
        holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "the streams of %s were lost", self->name);
    bool fatal = self == self->shim->init && self->shim->phase < SHIM_STOPPING && self->shim->agent;
    if (self->shim->phase >= SHIM_STOPPING || self != self->shim->init)
        session_end(self, NULL, error);
    else if (fatal && self->created)
        self->shim->driver->stop(self->shim->machine); // the agent broke its word: nothing more is known
    holm_error_free(error);
}

static void open_streams(session *self) {
    static const rpc_stream_events events = {
        .message = agent_message, .drained = agent_drained, .close = agent_close};
    Holm__Agent__V1__AttachHeader header = HOLM__AGENT__V1__ATTACH_HEADER__INIT;
    Holm__Agent__V1__AttachInput input;
    holm__agent__v1__attach_input__init(&input);
    header.process = self->name;
    input.part_case = HOLM__AGENT__V1__ATTACH_INPUT__PART_HEADER;
    input.header = &header;
    self->paused = false;
    self->stream = rpc_call_open(self->shim->agent, shim_agent_protocol(), "Attach", &events, self, 0);
    rpc_stream_send(self->stream, &input.base);
}

// ---- creation ----

static void created(session *self) {
    shim *owner = self->shim;
    self->created = true;
    if (!self->stream)
        open_streams(self);
    for (attachment *reader = self->attachments; reader; reader = reader->next) {
        attachment_tell(reader);
        rpc_stream_resume(reader->stream);
    }
    if (self == owner->init) {
        char now[CONTAINER_TIME_LENGTH];
        shim_step(owner, "init runs");
        owner->phase = SHIM_RUNNING;
        owner->started_ns = time_now_ns();
        Holm__Shim__V1__StartResponse answer = HOLM__SHIM__V1__START_RESPONSE__INIT;
        answer.pid = self->pid;
        shim_store_note(owner,
                        json_pack("{s:s, s:s, s:i, s:s, s:n, s:n, s:n, s:n}", "state", "running", "startedAt",
                                  container_time_text(owner->started_ns, now), "pid", (int)self->pid,
                                  "accelerator", owner->accelerator == MACHINE_KVM ? "kvm" : "tcg",
                                  "exitCode", "reason", "error", "finishedAt"),
                        "start", NULL);
        waiters_answer(&owner->start_waiters, &answer.base, NULL);
        shim_health_start(owner);
        shim_changes_start(owner->changes_of_shares);
        shim_spare_refill_later(owner);
        fault_point("run.init-runs");
        if (owner->stop_asked)
            shim_stop_running(owner);
        return;
    }
    if (!self->health)
        shim_store_note(owner, NULL, "exec-start", json_pack("{s:s}", "session", self->name));
    Holm__Shim__V1__ExecResponse answer = HOLM__SHIM__V1__EXEC_RESPONSE__INIT;
    answer.name = self->name;
    answer.pid = self->pid;
    waiters_answer(&self->exec_waiters, &answer.base, NULL);
}

typedef struct creation {
    shim *shim;
    char *name;
} creation;

static void create_done(const ProtobufCMessage *response, const holm_error *error, void *data) {
    creation *step = data;
    shim *owner = step->shim;
    session *self = session_find(owner, step->name);
    free(step->name);
    free(step);
    if (!self || self->created || self->ended || owner->phase >= SHIM_STOPPING)
        return;
    if (!error) {
        const Holm__Agent__V1__CreateProcessResponse *answer = (const void *)response;
        shim_trace_guest(owner, answer->steps, answer->n_steps);
        self->pid = answer->pid;
        created(self);
    } else if (self == owner->init) {
        shim_start_failed(owner, error);
    } else {
        session_end(self, NULL, error);
    }
}

void session_start(session *self) {
    Holm__Agent__V1__CreateProcessRequest request = HOLM__AGENT__V1__CREATE_PROCESS_REQUEST__INIT;
    self->process->columns = self->columns;
    self->process->rows = self->rows;
    if (self->screen)
        terminal_resize(self->screen, self->columns, self->rows);
    request.name = self->name;
    request.process = self->process;
    request.start = true;
    creation *step = calloc(1, sizeof *step);
    *step = (creation){.shim = self->shim, .name = path_format("%s", self->name)};
    rpc_call_unary(self->shim->agent, shim_agent_protocol(), "CreateProcess", &request.base, create_done,
                   step, 0);
    open_streams(self);
}

void session_resize(session *self, uint32_t columns, uint32_t rows) {
    if (columns == 0 || rows == 0 || columns > TERMINAL_SIZE_MOST || rows > TERMINAL_SIZE_MOST)
        return;
    bool changed = columns != self->columns || rows != self->rows;
    self->columns = columns;
    self->rows = rows;
    if (!self->screen || !changed)
        return;
    terminal_resize(self->screen, columns, rows);
    if (!self->stream)
        return;
    Holm__Agent__V1__WindowSize size = HOLM__AGENT__V1__WINDOW_SIZE__INIT;
    Holm__Agent__V1__AttachInput input;
    holm__agent__v1__attach_input__init(&input);
    size.columns = columns;
    size.rows = rows;
    input.part_case = HOLM__AGENT__V1__ATTACH_INPUT__PART_RESIZE;
    input.resize = &size;
    rpc_stream_send(self->stream, &input.base);
}

void session_signal(shim *self, const char *process, int number) {
    Holm__Agent__V1__SignalProcessRequest request = HOLM__AGENT__V1__SIGNAL_PROCESS_REQUEST__INIT;
    request.name = (char *)(process && *process ? process : SHIM_INIT);
    request.signal = number;
    if (self->agent)
        rpc_call_unary(self->agent, shim_agent_protocol(), "SignalProcess", &request.base, shim_ignore, NULL,
                       0);
}
