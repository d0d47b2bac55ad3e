// Containers: looking at them, and their way from start to removal.
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/base/time.h"
#include "core/holm_internal.h"

void holm_document_add_stall(const holm_client *client, json_t *document) {
    cleanup_free char *mark = container_stall_mark(&client->where, holm_document_id(document));
    if (container_document_at_rest(document) || access(mark, F_OK) < 0)
        return;
    json_t *status = json_object_get(document, "status");
    json_object_set_new(status, "stalled", json_true());
    json_object_set_new(status, "error",
                        json_string("the disk of the host is full: it stands still until there is room"));
}

json_t *holm_container_look_up(holm_client *client, state *db, const char *reference, bool *alive,
                               holm_error **error) {
    json_t *document = state_container_get(db, reference, error);
    if (!document)
        return NULL;
    const char *id = holm_document_id(document);
    bool lives = container_is_alive(&client->where, id);
    if (lives && !container_document_at_rest(document) && !container_answers(&client->where, id)) {
        cleanup_free char *own = strdup(id); // the reference may be the name of another one by then
        json_decref(document);
        container_settle(&client->where, own);
        if (!(document = state_container_get(db, own, error)))
            return NULL;
        id = holm_document_id(document);
        lives = container_is_alive(&client->where, id);
    }
    if (!lives && !container_document_at_rest(document)) {
        json_t *right = NULL;
        if (container_reconcile(&client->where, db, id, error) == 0)
            right = state_container_get(db, id, error);
        json_decref(document);
        document = right;
    }
    if (alive)
        *alive = lives;
    if (document)
        holm_document_add_stall(client, document);
    return document;
}

// A shim that was killed loses its connections a moment before its lock: it would seem to live, and answer
// nobody.
static void wait_for_lost_shim(holm_request *self) {
    struct pollfd ended = {.fd = self->peer, .events = POLLIN};
    if (self->peer < 0)
        return;
    poll(&ended, 1, SHIM_ENDS_MS);
    close(steal_fd(&self->peer));
}

int holm_request_look_up(holm_request *self, state *db, holm_error **error) {
    wait_for_lost_shim(self);
    json_decref(self->document);
    self->document = holm_container_look_up(self->handle.client, db, self->reference, &self->alive, error);
    return self->document ? 0 : -1;
}

static holm_request *begin(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(reference);
    return self;
}

// The document as it is now is the answer. By id: the name may be another one meanwhile. Of one that has gone
// with its end (--rm) it is what was known last.
static int read_result(holm_request *self, state *db, holm_error **error) {
    cleanup_error holm_error *failed = NULL;
    wait_for_lost_shim(self);
    self->result = holm_container_look_up(self->handle.client, db, holm_document_id(self->document),
                                          &self->alive, &failed);
    if (!self->result && holm_error_code_of(failed) == HOLM_ERROR_NOT_FOUND &&
        json_is_true(json_object_get(json_object_get(self->document, "configuration"), "removeOnExit"))) {
        self->alive = false;
        self->result = json_incref(self->document);
    } else if (failed) {
        holm_error_propagate(error, steal_pointer(&failed));
    }
    return self->result ? 0 : -1;
}

static void answer_document(holm_request *self) {
    holm_request_work(self, read_result, holm_request_finish);
}

static void answer_present(holm_request *self) {
    self->result = json_incref(self->document);
    holm_request_finish(self);
}

static void fail_state(holm_request *self, const char *sentence) {
    holm_document_refuse(self->document, sentence, &self->error);
    holm_request_finish(self);
}

// ---- inspect ----

void holm_container_inspect(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_request_work(begin(client, reference, done, data), holm_request_look_up, answer_present);
}

// ---- start ----

static int launch(holm_request *self, state *db, holm_error **error) {
    if (holm_request_look_up(self, db, error) < 0)
        return -1;
    if (self->alive && !container_document_at_rest(self->document))
        return 0;
    const container_launch_options options = {
        .start = true, .pool = self->handle.client->pool, .cold = self->handle.client->cold};
    self->lifeline =
        container_launch(&self->handle.client->where, db, holm_document_id(self->document), &options, error);
    return self->lifeline < 0 ? -1 : 0;
}

static void started(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer;
    answer_document(self);
}

static void call_start(holm_request *self);

// The shim that was asked has handed the container on to the next one, or died: once more, and only once.
static void launch_again(holm_request *self) {
    rpc_connection_destroy(steal_pointer(&self->connection));
    self->asked_again = true;
    holm_request_work(self, launch, call_start);
}

static void call_start(holm_request *self) {
    Holm__Shim__V1__StartRequest message = HOLM__SHIM__V1__START_REQUEST__INIT;
    holm_request_call(self, "Start", &message.base, started, self->asked_again ? NULL : launch_again);
}

void holm_container_start(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_request_work(begin(client, reference, done, data), launch, call_start);
}

// ---- stop, restart, kill, wait ----

static void stopped(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer;
    answer_document(self);
}

// Goes on with `after` once it does not run any more; where its shim is lost, too.
static void call_stop(holm_request *self, bool keep, holm_request_answer after, holm_request_next lost) {
    Holm__Shim__V1__StopRequest message = HOLM__SHIM__V1__STOP_REQUEST__INIT;
    message.signal = self->signal;
    message.grace_ms = self->grace_ms;
    message.keep = keep;
    holm_request_call(self, "Stop", &message.base, after, lost);
}

static void stop_if_running(holm_request *self);

// After read_result. Where it is gone that is the answer.
static bool is_still_there(holm_request *self) {
    if (self->result == self->document) {
        holm_request_finish(self);
        return false;
    }
    json_decref(self->document);
    self->document = steal_pointer(&self->result);
    return true;
}

static void stop_if_still_there(holm_request *self) {
    if (is_still_there(self))
        stop_if_running(self);
}

// Its shim is gone: it has ended, or the next shim has it now.
static void stop_again(holm_request *self) {
    rpc_connection_destroy(steal_pointer(&self->connection));
    holm_request_work(self, read_result, stop_if_still_there);
}

// Lost or at rest: it is not started by its policy any more either.
static int note_user_stop(holm_request *self, state *db, holm_error **error) {
    if (!json_object_get(json_object_get(self->document, "configuration"), "restart"))
        return read_result(self, db, error);
    json_t *changes = json_pack("{s:b}", "stoppedByUser", true);
    int result = state_container_update(db, holm_document_id(self->document), NULL, changes, error);
    json_decref(changes);
    return result < 0 ? -1 : read_result(self, db, error);
}

static void stop_if_running(holm_request *self) {
    if (!self->alive || container_document_at_rest(self->document))
        holm_request_work(self, note_user_stop, holm_request_finish);
    else
        call_stop(self, false, stopped, stop_again);
}

void holm_container_stop(holm_client *client, const char *reference, int signal, unsigned grace_ms,
                         holm_done done, void *data) {
    holm_request *self = begin(client, reference, done, data);
    self->signal = signal;
    self->grace_ms = grace_ms;
    holm_request_work(self, holm_request_look_up, stop_if_running);
}

static void start_again(holm_request *self) {
    rpc_connection_destroy(steal_pointer(&self->connection));
    free(self->reference);
    self->reference = strdup(holm_document_id(self->document));
    holm_request_work(self, launch, call_start);
}

static void start_after_stop(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer;
    start_again(self);
}

static void restart_from(holm_request *self) {
    if (!self->alive || container_document_at_rest(self->document))
        start_again(self);
    else
        call_stop(self, true, start_after_stop, start_again);
}

void holm_container_restart(holm_client *client, const char *reference, int signal, unsigned grace_ms,
                            holm_done done, void *data) {
    holm_request *self = begin(client, reference, done, data);
    self->signal = signal;
    self->grace_ms = grace_ms;
    holm_request_work(self, holm_request_look_up, restart_from);
}

static void signalled(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer;
    answer_document(self);
}

static void kill_if_running(holm_request *self) {
    if (!self->alive || container_document_at_rest(self->document)) {
        fail_state(self, "is not running");
        return;
    }
    Holm__Shim__V1__SignalRequest message = HOLM__SHIM__V1__SIGNAL_REQUEST__INIT;
    message.process = (char *)"init";
    message.signal = self->signal ? self->signal : SIGKILL;
    holm_request_call(self, "Signal", &message.base, signalled, answer_document);
}

void holm_container_kill(holm_client *client, const char *reference, int signal, holm_done done, void *data) {
    holm_request *self = begin(client, reference, done, data);
    self->signal = signal;
    holm_request_work(self, holm_request_look_up, kill_if_running);
}

static void answer_exit_of_document(holm_request *self) {
    const json_t *status = json_object_get(self->document, "status");
    self->result = json_pack("{s:O?, s:O?}", "exitCode", json_object_get(status, "exitCode"), "reason",
                             json_object_get(status, "reason"));
    holm_request_finish(self);
}

static void ended(holm_request *self, const ProtobufCMessage *answer) {
    const Holm__Shim__V1__ExitStatus *status = (const Holm__Shim__V1__ExitStatus *)answer;
    self->result = json_pack("{s:i, s:s}", "exitCode", status->exit_code, "reason", status->reason);
    holm_request_finish(self);
}

static void look_again(holm_request *self) {
    holm_request_work(self, holm_request_look_up, answer_exit_of_document);
}

static void wait_if_running(holm_request *self) {
    if (strcmp(holm_document_status(self->document, "state"), "created") == 0) {
        fail_state(self, "has not been started");
    } else if (!self->alive || container_document_at_rest(self->document)) {
        answer_exit_of_document(self);
    } else {
        Holm__Shim__V1__Empty message = HOLM__SHIM__V1__EMPTY__INIT;
        holm_request_call(self, "Wait", &message.base, ended, look_again);
    }
}

void holm_container_wait(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_request_work(begin(client, reference, done, data), holm_request_look_up, wait_if_running);
}

// ---- rename, remove ----

static int check_name(const char *name, holm_error **error) {
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    if (length >= 1 && length <= 63 && name[length] == 0 && strspn(name, "_.-") == 0)
        return 0;
    cleanup_free char *safe = holm_text_escape(name, strlen(name));
    holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" is not a name for a container", safe);
    holm_error_hint(error,
                    "use 1 to 63 letters, digits, \"_\", \".\" and \"-\", the first one a letter or digit");
    return -1;
}

static int rename_in_one_step(holm_request *self, state *db, holm_error **error) {
    if (check_name(self->text, error) < 0 || holm_request_look_up(self, db, error) < 0)
        return -1;
    const char *id = holm_document_id(self->document);
    cleanup_json json_t *from =
        json_pack("{s:s}", "from", holm_document_configuration(self->document, "name"));
    if (state_begin(db, error) < 0)
        return -1;
    bool renamed = state_container_rename(db, id, self->text, error) == 0 &&
                   state_event_add(db, "container", "rename", id, self->text, from, error) == 0;
    if (state_end(db, renamed, renamed ? error : NULL) < 0 || !renamed)
        return -1;
    self->result = state_container_get(db, id, error);
    return self->result ? 0 : -1;
}

void holm_container_rename(holm_client *client, const char *reference, const char *name, holm_done done,
                           void *data) {
    holm_request *self = begin(client, reference, done, data);
    self->text = strdup(name);
    holm_request_work(self, rename_in_one_step, holm_request_finish);
}

static int remove_at_rest(holm_request *self, state *db, holm_error **error) {
    if (container_remove(&self->handle.client->where, db, holm_document_id(self->document), self->volumes,
                         error) < 0 &&
        holm_error_code_of(*error) != HOLM_ERROR_NOT_FOUND)
        return -1;
    holm_error_free(steal_pointer(error)); // gone already (--rm) is as good
    self->result = json_incref(self->document);
    return 0;
}

static void remove_now(holm_request *self) {
    holm_request_work(self, remove_at_rest, holm_request_finish);
}

static void remove_after_stop(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer;
    remove_now(self);
}

static void remove_again(holm_request *self);

static void remove_or_refuse(holm_request *self) {
    if (!self->alive || container_document_at_rest(self->document)) {
        remove_now(self);
    } else if (!self->flag) {
        holm_error_set(&self->error, HOLM_ERROR_IN_USE, "the container %s is running",
                       holm_document_configuration(self->document, "name"));
        holm_error_hint(&self->error, "stop it first, or remove it with --force");
        holm_request_finish(self);
    } else {
        self->signal = SIGKILL;
        self->grace_ms = 1;
        call_stop(self, false, remove_after_stop, remove_again);
    }
}

static void remove_if_still_there(holm_request *self) {
    if (is_still_there(self))
        remove_or_refuse(self);
}

// As stop_again.
static void remove_again(holm_request *self) {
    rpc_connection_destroy(steal_pointer(&self->connection));
    holm_request_work(self, read_result, remove_if_still_there);
}

void holm_container_remove(holm_client *client, const char *reference, const holm_remove_options *options,
                           holm_done done, void *data) {
    holm_request *self = begin(client, reference, done, data);
    self->flag = options->force;
    self->volumes = options->volumes;
    holm_request_work(self, holm_request_look_up, remove_or_refuse);
}

// ---- what runs in it ----

static void take_processes(holm_request *self, const ProtobufCMessage *answer) {
    cleanup_json json_t *message = holm_message_json(answer);
    self->result = json_incref(json_object_get(message, "processes"));
    size_t index;
    json_t *process;
    json_array_foreach (self->result, index, process) {
        char text[TIME_TEXT_SIZE];
        int64_t started = json_integer_value(json_object_get(process, "startedUnixNs"));
        json_object_set_new(process, "startedAt", json_string(time_format(started, text)));
        json_object_del(process, "startedUnixNs");
    }
    holm_request_finish(self);
}

static void take_sessions(holm_request *self, const ProtobufCMessage *answer) {
    cleanup_json json_t *message = holm_message_json(answer);
    self->result = json_incref(json_object_get(message, "sessions"));
    holm_request_finish(self);
}

static void ask(holm_request *self, const char *method, holm_request_answer answer) {
    if (!self->alive || container_document_at_rest(self->document)) {
        fail_state(self, "is not running");
        return;
    }
    Holm__Shim__V1__Empty message = HOLM__SHIM__V1__EMPTY__INIT;
    holm_request_call(self, method, &message.base, answer, NULL);
}

static void ask_processes(holm_request *self) {
    ask(self, "Processes", take_processes);
}

static void ask_sessions(holm_request *self) {
    ask(self, "Sessions", take_sessions);
}

void holm_container_processes(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_request_work(begin(client, reference, done, data), holm_request_look_up, ask_processes);
}

void holm_container_sessions(holm_client *client, const char *reference, holm_done done, void *data) {
    holm_request_work(begin(client, reference, done, data), holm_request_look_up, ask_sessions);
}

// ---- another process, in the background ----

static void take_exec(holm_request *self, const ProtobufCMessage *answer) {
    self->result = holm_message_json(answer);
    holm_request_finish(self);
}

static void call_exec(holm_request *self) {
    if (!self->alive || container_document_at_rest(self->document)) {
        fail_state(self, "is not running");
        return;
    }
    holm_process process;
    holm_process_init(&process, self->json);
    Holm__Shim__V1__ExecRequest message = HOLM__SHIM__V1__EXEC_REQUEST__INIT;
    message.process = &process.message;
    holm_request_call(self, "Exec", &message.base, take_exec, NULL);
    holm_process_finish(&process);
}

void holm_container_exec(holm_client *client, const char *reference, const json_t *process, holm_done done,
                         void *data) {
    holm_request *self = begin(client, reference, done, data);
    self->json = json_deep_copy(process);
    holm_request_work(self, holm_request_look_up, call_exec);
}
