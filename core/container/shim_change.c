// Changes of a running container's networks and ports: one after the other, since each has to know what the
// one before has left.
#define LOG_MODULE "change"
#include "core/base/log.h"
#include "core/container/shim_devices.h"

void shim_change_post(shim_change *self, waiter *call) {
    shim *owner = call->shim;
    shim_change **at = &owner->changes;
    self->relay.call = call;
    self->shim = owner;
    call->relay = &self->relay;
    owner->open_streams++; // the shim stays until it is done
    while (*at)
        at = &(*at)->next;
    *at = self;
    if (owner->changes == self)
        self->begin(self);
}

void shim_change_note(shim_change *self, const holm_error *error) {
    if (error && !self->error)
        self->error = holm_error_copy(error);
    else if (error)
        log_warning("%s", holm_error_message(error));
}

bool shim_change_waits(const shim_change *self) {
    return self->shim->phase == SHIM_RESTARTING && !self->shim->handing_over;
}

bool shim_change_can(shim_change *self) {
    const shim *owner = self->shim;
    cleanup_error holm_error *error = NULL;
    if (owner->phase == SHIM_RUNNING && owner->agent)
        return true;
    holm_error_set(&error, HOLM_ERROR_STATE, "the container %s neither runs nor has it stopped", owner->name);
    shim_change_note(self, error);
    return false;
}

void shim_change_finish(shim_change *self) {
    static const Holm__Shim__V1__Empty empty = HOLM__SHIM__V1__EMPTY__INIT;
    shim *owner = self->shim;
    relay_answer(&self->relay, &empty.base, self->error);
    owner->changes = self->next;
    holm_error_free(self->error);
    self->destroy(self);
    if (owner->changes)
        owner->changes->begin(owner->changes);
    owner->open_streams--;
    shim_finish_if_idle(owner);
}
