// Starting again by policy: the shim waits for the delay, then a new shim takes the container over.
#define LOG_MODULE "restart"
#include <string.h>

#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/container/restart.h"
#include "core/container/shim_devices.h"

static json_int_t told(const shim *self, const char *key) {
    return json_integer_value(json_object_get(self->told, key));
}

bool shim_restart_due(const shim *self) {
    bool first = told(self, "restartDelayMs") == 0;
    if (self->abandoned || self->stop_asked || self->user_ended)
        return false;
    if (first && strcmp(self->reason, "start-failed") == 0)
        return false; // whoever started it is told why
    return restart_wanted(self->configuration, self->exit_code, told(self, "restartCount"));
}

static uint32_t delay_of(const shim *self) {
    int64_t ran = self->started_ns ? self->finished_ns - self->started_ns : 0;
    return restart_delay((uint32_t)told(self, "restartDelayMs"), ran);
}

void shim_restart_describe(const shim *self, json_t *changes) {
    json_object_set_new(changes, "state", json_string("restarting"));
    json_object_set_new(changes, "restartCount", json_integer(told(self, "restartCount") + 1));
    json_object_set_new(changes, "restartDelayMs", json_integer(delay_of(self)));
}

// ---- the next shim takes over ----

static int hand_over_work(shim *self, state *db, void *data, holm_error **error) {
    (void)db, (void)data;
    // Nobody sees it between the two shims: the short lock is taken before the long one is let go.
    if (shim_helper_ask(self, HELPER_LOCK, NULL, NULL, error) < 0)
        return -1;
    shim_helper_ask(self, HELPER_CLEAN, NULL, NULL, NULL);
    close(steal_fd(&self->life));
    fault_point("restart.lock-released");
    return shim_helper_ask(self, HELPER_RESTART, NULL, NULL, error);
}

static void handed_over(shim *self, const holm_error *error, void *data) {
    (void)error, (void)data; // of an error the log tells; the next command finds the container and starts it
    Holm__Shim__V1__ExitStatus status;
    shim_exit_status(self, &status);
    self->phase = SHIM_DONE;
    // A start or stop that came meanwhile is for the next shim: whoever asked looks there again.
    holm_error *moved = NULL;
    holm_error_set(&moved, HOLM_ERROR_UNAVAILABLE, "the container %s has just been started again",
                   self->name);
    waiters_answer(&self->end_waiters, self->stop_asked ? NULL : &status.base, moved);
    waiters_answer(&self->start_waiters, NULL, moved);
    holm_error_free(moved);
    shim_finish_if_idle(self);
}

void shim_restart_now(shim *self) {
    if (self->phase != SHIM_RESTARTING || self->handing_over)
        return;
    self->handing_over = true;
    uv_timer_stop(&self->deadline);
    log_info("starting again");
    shim_network_leave(self); // its place is the next one's
    shim_store_post(self, hand_over_work, handed_over, NULL);
}

static void delay_over(uv_timer_t *timer) {
    shim_restart_now(timer->data);
}

void shim_restart_wait(shim *self) {
    self->phase = SHIM_RESTARTING;
    log_info("starting again in %u ms", delay_of(self));
    fault_point("restart.waiting");
    uv_timer_start(&self->deadline, delay_over, delay_of(self), 0);
}
