// Taking a device out of the running machine: the machine expects it to go, the guest lets go of it, and the
// machine says that it is gone.
#include <string.h>

#include "core/container/shim_devices.h"

#define AGENT_MS 20000
#define GONE_MS  10000 // from the guest's answer to the machine's word

// The machine's word that the device is gone comes when it wants, and maybe after we have given up.
typedef struct removal {
    shim *shim;
    char *name;
    machine_done done; // NULL: nobody waits any more
    void *data;
    bool answered, gone; // by the agent; from the machine: freed with both
    uv_timer_t deadline;
} removal;

static void deadline_closed(uv_handle_t *handle) {
    removal *self = handle->data;
    free(self->name);
    free(self);
}

static void goes_on(removal *self, bool is_over, const holm_error *error) {
    machine_done done = is_over ? self->done : NULL;
    void *data = self->data;
    if (done)
        self->done = NULL;
    if (self->answered && self->gone)
        uv_close((uv_handle_t *)&self->deadline, deadline_closed);
    if (done)
        done(error, data);
}

static void device_gone(const holm_error *error, void *data) {
    removal *self = data;
    self->gone = true;
    goes_on(self, true, error);
}

static void give_up(uv_timer_t *timer) {
    removal *self = timer->data;
    cleanup_error holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "the machine of the container %s does not let go of %s",
                   self->shim->name, self->name);
    goes_on(self, true, error);
}

// Done here is not done yet: the machine's word comes when the guest has let go, if it tells the truth.
static void ejected(const ProtobufCMessage *answer, const holm_error *error, void *data) {
    removal *self = data;
    (void)answer;
    self->answered = true;
    if (!error && !self->gone)
        uv_timer_start(&self->deadline, give_up, GONE_MS, 0);
    goes_on(self, error != NULL, error);
}

// Only an eject that comes after the machine expects it is told of.
static void expected(const holm_error *error, void *data) {
    removal *self = data;
    shim *owner = self->shim;
    int slot = -1;
    if (!error && self->done && owner->agent)
        slot = owner->driver->device_slot(owner->machine, self->name);
    if (slot < 0) {
        self->answered = true;
        goes_on(self, true, error);
        return;
    }
    Holm__Agent__V1__EjectRequest request = HOLM__AGENT__V1__EJECT_REQUEST__INIT;
    request.slot = (uint32_t)slot;
    rpc_call_unary(owner->agent, shim_agent_protocol(), "Eject", &request.base, ejected, self, AGENT_MS);
}

void shim_eject(shim *self, const char *name, machine_done done, void *data) {
    if (!self->machine || !self->agent || self->driver->device_slot(self->machine, name) < 0) {
        done(NULL, data);
        return;
    }
    removal *asked = calloc(1, sizeof *asked);
    if (!asked)
        abort();
    *asked = (removal){.shim = self, .name = strdup(name), .done = done, .data = data};
    uv_timer_init(self->loop, &asked->deadline);
    asked->deadline.data = asked;
    self->driver->remove_device(self->machine, name, device_gone, asked);
    self->driver->settle(self->machine, expected, asked);
}
