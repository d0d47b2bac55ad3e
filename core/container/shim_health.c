// Asking the container whether it is well: a program run in it again and again, one at a time.
#define LOG_MODULE "health"
#include <signal.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/time.h"
#include "core/container/health.h"
#include "core/container/shim.h"

#define ARGUMENTS_MOST 1026
#define OUTPUT_MOST    4096 // of one answer that is kept

struct shim_health {
    shim *shim;
    const json_t *check;
    uv_timer_t timer; ///< to the next question, or to the end of patience with this one
    session *asking;  ///< NULL: between two questions
    bool out_of_patience;
    health now;
    int exit_code;
    buffer output;
};

static json_int_t setting(const shim_health *self, const char *key) {
    return json_integer_value(json_object_get(self->check, key));
}

static bool is_starting(const shim_health *self) {
    return time_now_ns() - self->shim->started_ns < setting(self, "startPeriodMs") * 1000000;
}

static void note(shim_health *self, bool event) {
    cleanup_free char *text = strndup(buffer_text(&self->output), self->output.length);
    json_t *output = json_string(text); // not UTF-8: left out
    json_t *told =
        json_pack("{s:s, s:i, s:i, s:o*}", "status", health_names[self->now.state], "failingStreak",
                  (int)self->now.failing, "exitCode", self->exit_code, "output", output);
    json_t *attributes = event ? json_pack("{s:s}", "health", health_names[self->now.state]) : NULL;
    shim_store_note(self->shim, json_pack("{s:o}", "health", told), event ? "health" : NULL, attributes);
}

static void ask(uv_timer_t *timer);

static void wait_for_next(shim_health *self) {
    bool soon = self->now.state == HEALTH_STARTING && is_starting(self);
    uv_timer_start(&self->timer, ask, (uint64_t)setting(self, soon ? "startIntervalMs" : "intervalMs"), 0);
}

static void answered(shim_health *self, int exit_code) {
    health before = self->now;
    int code_before = self->exit_code;
    self->asking = NULL;
    self->exit_code = exit_code;
    bool changed =
        health_answer(&self->now, exit_code == 0, is_starting(self), (unsigned)setting(self, "retries"));
    if (changed)
        log_info("the container is %s", health_names[self->now.state]);
    // What is as it was is not written again: an idle container leaves the disk alone.
    if (changed || before.failing != self->now.failing || code_before != exit_code)
        note(self, changed);
    if (self->shim->phase == SHIM_RUNNING)
        wait_for_next(self);
}

static void impatient(uv_timer_t *timer) {
    shim_health *self = timer->data;
    if (!self->asking)
        return;
    self->out_of_patience = true;
    session_signal(self->shim, self->asking->name, SIGKILL);
}

static void ask(uv_timer_t *timer) {
    shim_health *self = timer->data;
    if (self->shim->phase != SHIM_RUNNING)
        return;
    const char *arguments[ARGUMENTS_MOST];
    Holm__Shim__V1__ProcessConfiguration process = HOLM__SHIM__V1__PROCESS_CONFIGURATION__INIT;
    process.n_arguments = health_command(self->check, arguments, ARGUMENTS_MOST);
    process.arguments = (char **)arguments;
    buffer_clear(&self->output);
    self->out_of_patience = false;
    holm_error *error = NULL;
    self->asking = shim_exec(self->shim, &process, NULL, &error);
    if (!self->asking) {
        buffer_append_text(&self->output, holm_error_message(error));
        holm_error_free(error);
        answered(self, -1);
        return;
    }
    self->asking->health = self;
    session_start(self->asking);
    uv_timer_start(&self->timer, impatient, (uint64_t)setting(self, "timeoutMs"), 0);
}

void shim_health_output(shim_health *self, const void *bytes, size_t length) {
    size_t space = OUTPUT_MOST - self->output.length;
    buffer_append(&self->output, bytes, length < space ? length : space);
}

void shim_health_ended(shim_health *self, const Holm__Agent__V1__ProcessExit *exit, const holm_error *error) {
    if (error) {
        buffer_clear(&self->output);
        shim_health_output(self, holm_error_message(error), strlen(holm_error_message(error)));
    } else if (self->out_of_patience) {
        static const char late[] = "no answer in time";
        shim_health_output(self, late, strlen(late));
    }
    answered(self, exit && !self->out_of_patience ? exit->exit_code : -1);
}

void shim_health_start(shim *self) {
    const json_t *check = json_object_get(self->configuration, "healthcheck");
    if (!check || self->health)
        return;
    shim_health *made = calloc(1, sizeof *made);
    *made = (shim_health){.shim = self, .check = check};
    uv_timer_init(self->loop, &made->timer);
    made->timer.data = made;
    self->health = made;
    note(made, false);
    wait_for_next(made);
}

static void timer_closed(uv_handle_t *handle) {
    shim_health *self = handle->data;
    buffer_finish(&self->output);
    free(self);
}

void shim_health_stop(shim *self) {
    shim_health *ending = steal_pointer(&self->health);
    if (!ending)
        return;
    if (ending->asking)
        ending->asking->health = NULL;
    uv_close((uv_handle_t *)&ending->timer, timer_closed);
}
