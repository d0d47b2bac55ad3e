// The end of a container: signal, grace, kill, guest down, machine down, and then all of it written.
#define LOG_MODULE "end"
#include <signal.h>
#include <string.h>

#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/base/time.h"
#include "core/container/shim_devices.h"

#define SHUTDOWN_TIMEOUT_MS 15000 // for the guest to sync and unmount
#define KILL_TIMEOUT_MS     10000 // for a SIGKILL in the guest to be answered
#define GRACE_FOREVER       UINT32_MAX

void shim_exit_status(const shim *self, Holm__Shim__V1__ExitStatus *out) {
    holm__shim__v1__exit_status__init(out);
    out->exit_code = self->exit_code;
    out->reason = (char *)(self->reason ? self->reason : "");
    out->finished_unix_ns = self->finished_ns;
}

static void stop_machine(shim *self) {
    if (self->machine_stopping || self->phase >= SHIM_CLOSED)
        return;
    self->machine_stopping = true;
    uv_timer_stop(&self->deadline);
    shim_step(self, "machine stops");
    self->driver->stop(self->machine);
}

static void guest_is_down(const ProtobufCMessage *response, const holm_error *error, void *data) {
    shim *self = data;
    const Holm__Agent__V1__ShutdownResponse *answer = (const Holm__Agent__V1__ShutdownResponse *)response;
    if (error)
        log_warning("the guest was not shut down: %s", holm_error_message(error));
    else if (!answer->clean)
        log_warning("the guest was not shut down cleanly: %s", answer->problem);
    fault_point("stop.guest-down");
    stop_machine(self);
}

static void shut_guest_down(shim *self) {
    uv_timer_stop(&self->deadline);
    if (!self->agent || !self->agent_ready) {
        stop_machine(self);
        return;
    }
    Holm__Agent__V1__ShutdownRequest request = HOLM__AGENT__V1__SHUTDOWN_REQUEST__INIT;
    request.signal = SIGKILL;
    rpc_call_unary(self->agent, shim_agent_protocol(), "Shutdown", &request.base, guest_is_down, self,
                   SHUTDOWN_TIMEOUT_MS);
}

// The guest says when, and its clock is a little behind ours, or whatever it likes: it did not end before it
// began, nor in the future.
static int64_t end_time(const shim *self, int64_t told) {
    int64_t now = time_now_ns();
    if (told <= 0 || told > now)
        return now;
    return told < self->started_ns ? self->started_ns : told;
}

void shim_end(shim *self, int exit_code, const char *reason, int64_t finished_ns, const holm_error *failure) {
    if (self->ended)
        return;
    self->ended = true;
    self->exit_code = exit_code;
    self->reason = reason;
    self->finished_ns = end_time(self, finished_ns);
    self->failure = holm_error_copy(failure);
    log_info("ended with code %d (%s)", exit_code, reason);
    waiters_answer(&self->start_waiters, NULL, failure);
    if (failure)
        shim_lifeline_fail(self, failure);
    fault_point("stop.init-ended");
    if (self->phase >= SHIM_CLOSED)
        return;
    self->phase = SHIM_STOPPING;
    shim_health_stop(self);
    shut_guest_down(self);
}

// ---- stopping on request ----

static void kill_unanswered(uv_timer_t *timer) {
    shim *self = timer->data;
    log_warning("the guest does not answer a kill");
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "the VM of the container %s did not answer", self->name);
    shim_end(self, CONTAINER_LOST_CODE, "vm-lost", 0, error);
    holm_error_free(error);
    stop_machine(self);
}

static void kill_all(uv_timer_t *timer) {
    shim *self = timer->data;
    Holm__Agent__V1__SignalProcessRequest request = HOLM__AGENT__V1__SIGNAL_PROCESS_REQUEST__INIT;
    request.name = (char *)SHIM_INIT;
    request.signal = SIGKILL;
    request.all = true;
    if (self->agent)
        rpc_call_unary(self->agent, shim_agent_protocol(), "SignalProcess", &request.base, shim_ignore, NULL,
                       0);
    fault_point("stop.killed");
    uv_timer_start(&self->deadline, kill_unanswered, KILL_TIMEOUT_MS, 0);
}

void shim_stop(shim *self, int signal_number, uint32_t grace_ms) {
    if (self->phase >= SHIM_STOPPING) {
        self->stop_asked = true;
        if (self->phase == SHIM_RESTARTING && !self->handing_over)
            shim_end_for_good(self);
        return;
    }
    if (!self->start_wanted) {
        shim_abandon(self);
        return;
    }
    self->stop_signal = signal_number;
    self->stop_grace_ms = grace_ms;
    if (!self->stop_asked)
        shim_store_note(self, json_pack("{s:s}", "state", "stopping"), "stop", NULL);
    self->stop_asked = true;
    if (self->phase < SHIM_STARTING)
        shim_end(self, CONTAINER_LOST_CODE, "signal", 0, NULL); // before it ran
    else if (self->phase == SHIM_RUNNING)
        shim_stop_running(self);
}

void shim_stop_running(shim *self) {
    int number = self->stop_signal
                     ? self->stop_signal
                     : (int)json_integer_value(json_object_get(self->configuration, "stopSignal"));
    uint32_t grace =
        self->stop_grace_ms
            ? self->stop_grace_ms
            : (uint32_t)json_integer_value(json_object_get(self->configuration, "stopTimeoutMs"));
    fault_point("stop.asked");
    if (number == SIGKILL) {
        kill_all(&self->deadline);
        return;
    }
    session_signal(self, SHIM_INIT, number);
    fault_point("stop.signalled");
    if (grace != GRACE_FOREVER)
        uv_timer_start(&self->deadline, kill_all, grace, 0);
    else
        uv_timer_stop(&self->deadline);
}

void shim_abandon(shim *self) {
    if (self->ended || self->start_wanted)
        return;
    log_info("nobody wants it started");
    self->abandoned = true;
    shim_end(self, 0, "exited", 0, NULL);
}

// ---- the machine is gone: write it down ----

static json_t *end_changes(const shim *self, state *db) {
    char when[CONTAINER_TIME_LENGTH];
    if (!self->abandoned)
        return json_pack("{s:s, s:i, s:s, s:s, s:n, s:o}", "state", "exited", "exitCode", self->exit_code,
                         "reason", self->reason, "finishedAt", container_time_text(self->finished_ns, when),
                         "pid", "error",
                         self->failure ? json_string(holm_error_message(self->failure)) : json_null());
    // It was not started this time: it is what it was before.
    json_t *document = state_container_get(db, self->id, NULL);
    bool ran = json_object_get(json_object_get(document, "status"), "startedAt") != NULL;
    json_decref(document);
    return json_pack("{s:s}", "state", ran ? "exited" : "created");
}

static int write_row(shim *self, state *db, holm_error **error) {
    json_t *changes = end_changes(self, db);
    if (self->restarts)
        shim_restart_describe(self, changes);
    else if (self->user_ended)
        json_object_set_new(changes, "stoppedByUser", json_true());
    json_t *attributes = json_pack("{s:i, s:s}", "exitCode", self->exit_code, "reason", self->reason);
    bool done = false;
    state_take_spare(db);
    if (state_begin(db, error) == 0) {
        done = state_container_update(db, self->id, NULL, changes, error) == 0 &&
               (self->abandoned ||
                state_event_add(db, "container", "die", self->id, self->name, attributes, error) == 0);
        done = state_end(db, done, done ? error : NULL) == 0 && done;
    }
    json_decref(changes);
    json_decref(attributes);
    return done ? 0 : -1;
}

static int end_work(shim *self, state *db, void *data, holm_error **error) {
    (void)data;
    if (self->restarts)
        return write_row(self, db, error); // its sockets stay: it can be stopped while it waits
    // The short lock comes first: who holds it may wait for the long one.
    bool removed = json_is_true(json_object_get(self->configuration, "removeOnExit")) && !self->abandoned &&
                   !self->kept && shim_helper_ask(self, HELPER_LOCK, NULL, NULL, NULL) == 0;
    shim_helper_ask(self, HELPER_CLEAN, NULL, NULL, NULL);
    fault_point("stop.runtime-removed");
    int result = write_row(self, db, error);
    fault_point("stop.row-written");
    if (removed && result == 0)
        result = shim_helper_ask(self, HELPER_REMOVE, NULL, NULL, error);
    close(self->life);
    self->life = -1;
    fault_point("stop.lock-released");
    return result;
}

static void end_written(shim *self, const holm_error *error, void *data) {
    (void)data, (void)error; // the log has it; the next command finds the lock free and puts the row right
    shim_step(self, "the end is written");
    Holm__Shim__V1__ExitStatus status;
    shim_exit_status(self, &status);
    bool failed = self->failure && strcmp(self->reason, "start-failed") == 0;
    session_release(self->init, failed ? NULL : &status, self->failure);
    waiters_answer(&self->end_waiters, &status.base, NULL);
    bool restarts = self->restarts;
    self->restarts = false;
    if (restarts && self->stop_asked) {
        shim_end_for_good(self);
        return;
    }
    if (restarts) {
        shim_restart_wait(self);
        return;
    }
    if (self->init->created)
        shim_spare_refill(self);
    self->phase = SHIM_DONE;
    shim_finish_if_idle(self);
}

// ---- stopped while its restart was waited for ----

static int give_up_work(shim *self, state *db, void *data, holm_error **error) {
    (void)data;
    json_t *changes = json_pack("{s:s, s:o}", "state", "exited", "stoppedByUser",
                                self->user_ended ? json_true() : json_null());
    int result = state_container_update(db, self->id, NULL, changes, error);
    json_decref(changes);
    shim_helper_ask(self, HELPER_CLEAN, NULL, NULL, NULL);
    close(steal_fd(&self->life));
    return result;
}

void shim_end_for_good(shim *self) {
    self->phase = SHIM_CLOSED;
    uv_timer_stop(&self->deadline);
    shim_store_post(self, give_up_work, end_written, NULL);
}

static void log_is_flushed(shim *self) {
    self->restarts = shim_restart_due(self);
    shim_store_post(self, end_work, end_written, NULL);
}

void shim_machine_closed(shim *self, machine_end end) {
    shim_volume_drop(self);
    shim_share_drop(self);
    shim_mounts_drop(self);
    shim_socket_drop(self);
    shim_pressure_stop(self);
    shim_network_leave(self); // its address and ports are free before anyone hears that it has ended
    static const char *const how[] = {"was stopped", "ended by itself", "was killed"};
    log_debug("the machine %s", how[end]);
    shim_step(self, "machine closed");
    fault_point("stop.machine-closed");
    self->phase = SHIM_CLOSED;
    shim_unlock_launch(self); // its removal takes that lock; a spare's machine can end before it is ready
    uv_timer_stop(&self->deadline);
    self->driver->destroy(steal_pointer(&self->machine));
    rpc_connection_destroy(steal_pointer(&self->agent));
    if (!self->ended) {
        holm_error *error = NULL;
        holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "the VM of the container %s %s", self->name, how[end]);
        holm_error_hint(&error, "holm logs --boot %s shows what it said last", self->name);
        shim_end(self, CONTAINER_LOST_CODE, "vm-lost", 0, error);
        holm_error_free(error);
    }
    shim_log_flush(self->log, log_is_flushed);
}

void shim_finish_if_idle(shim *self) {
    if (self->phase != SHIM_DONE || self->open_streams || self->job_runs || self->jobs ||
        shim_network_busy(self) || !self->handles_open)
        return;
    self->handles_open = false;
    shim_step(self, "done");
    rpc_server_destroy(steal_pointer(&self->server));
    uv_close((uv_handle_t *)&self->deadline, NULL);
    uv_close((uv_handle_t *)&self->refill, NULL);
    shim_network_leave(self);
    for (size_t i = 0; i < array_length(self->signals); i++)
        uv_close((uv_handle_t *)&self->signals[i], NULL);
    shim_lifeline_close(self);
}
