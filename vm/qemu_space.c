// The host's disk is full: QEMU stops the guest before the write that found no room, and nothing is lost. It
// goes on by itself once there is room: every second it is let run, and stands still again where the write
// still fails.
#include <string.h>

#include "vm/qemu_internal.h"
#define LOG_MODULE "space"
#include "core/base/log.h"

#define TRY_MS 1000

struct qemu_space {
    machine *owner; ///< NULL once the machine is gone
    uv_timer_t timer;
    bool failed; ///< again, since the guest was let run
};

static void timer_closed(uv_handle_t *handle) {
    free(handle->data);
}

void qemu_space_let_go(machine *self) {
    qemu_space *space = steal_pointer(&self->space);
    if (!space)
        return;
    space->owner = NULL;
    uv_close((uv_handle_t *)&space->timer, timer_closed);
}

static void try_again(uv_timer_t *timer) {
    qemu_space *space = timer->data;
    machine *self = space->owner;
    if (space->failed) {
        space->failed = false;
        qmp_execute(self->qmp, "cont", NULL, -1, qemu_expect, self);
        return;
    }
    log_info("there is room again");
    qemu_space_let_go(self);
    if (self->events.stalled)
        self->events.stalled(false, self->data);
}

void qemu_space_event(machine *self, const json_t *information) {
    const char *action = json_string_value(json_object_get(information, "action"));
    if (!action || strcmp(action, "stop") != 0 || !json_is_true(json_object_get(information, "nospace")) ||
        self->state >= QEMU_STOPPING)
        return;
    if (self->space) {
        self->space->failed = true;
        return;
    }
    log_warning("no room for what the guest writes: it stands still until there is");
    self->space = calloc(1, sizeof *self->space);
    if (!self->space)
        abort();
    *self->space = (qemu_space){.owner = self, .failed = true};
    uv_timer_init(self->loop, &self->space->timer);
    self->space->timer.data = self->space;
    uv_timer_start(&self->space->timer, try_again, TRY_MS, TRY_MS);
    if (self->events.stalled)
        self->events.stalled(true, self->data);
}
