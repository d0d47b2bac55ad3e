#include <unistd.h>

#include "vm/vsock_internal.h"

#define TURN_MOST       256 // packets before the rest of the loop gets its turn
#define FIRST_HOST_PORT (1U << 30)

// ---- turns ----

static void vsock_again(uv_idle_t *idle) {
    vsock_turn(idle->data);
}

// Before the rest: asks for the kicks that are needed, then looks again for what came in between.
static bool came_in_between(vsock *self) {
    vring *receive = vhost_user_ring(self->back_end, VSOCK_RING_RECEIVE);
    vring *send = vhost_user_ring(self->back_end, VSOCK_RING_SEND);
    bool wants_buffers = self->queue || self->stray_count > 0;
    if (send->running)
        vring_set_notify(send, true);
    if (receive->running)
        vring_set_notify(receive, wants_buffers);
    return (self->stray_count < VSOCK_STRAYS_MOST && vring_waits(send)) ||
           (wants_buffers && vring_waits(receive));
}

void vsock_turn(vsock *self) {
    if (self->in_turn)
        return;
    self->in_turn = true;
    vring *send = vhost_user_ring(self->back_end, VSOCK_RING_SEND);
    bool more = true;
    for (unsigned done = 0; more && done < TURN_MOST;) {
        if (send->running)
            vring_set_notify(send, false);
        unsigned now = vsock_receive(self, TURN_MOST) + vsock_send(self, TURN_MOST);
        done += now;
        more = now > 0 || came_in_between(self);
    }
    // Those that wait for buffers of the guest are not polled until they had their turn.
    for (vsock_connection *one = self->queue; one; one = one->next_in_queue)
        vsock_connection_watch(one);
    if (more)
        uv_idle_start(&self->again, vsock_again);
    else
        uv_idle_stop(&self->again);
    self->in_turn = false;
}

static void vsock_kicked(unsigned ring, void *data) {
    (void)ring;
    vsock_turn(data);
}

static void vsock_started(unsigned ring, void *data) {
    vsock *self = data;
    // Both rings from their beginning: the driver is a new one, and what it knew is gone. (Pausing the
    // machine stops the rings too, and nothing must be lost by that.) Dials that were not sent yet may wait
    // for it.
    if (ring != VSOCK_RING_SEND || vhost_user_ring(self->back_end, VSOCK_RING_SEND)->next_avail != 0 ||
        vhost_user_ring(self->back_end, VSOCK_RING_RECEIVE)->next_avail != 0)
        return;
    for (vsock_connection *one = self->all; one;) {
        vsock_connection *next = one->next_in_all;
        if (one->in_table && !(one->owed & VSOCK_OWED_REQUEST))
            vsock_table_forget_guest(self, one, "the guest has reset its socket device");
        one = next;
    }
    self->stray_count = 0;
}

static void vsock_lost(const holm_error *error, void *data) {
    vsock *self = data;
    self->gone = true;
    while (self->all)
        vsock_table_remove(self, self->all, "the machine is gone");
    self->lost(error, self->data);
}

// ---- the face ----

static vhost_user *back_end_create(vsock *self, int fd, holm_error **error) {
    vhost_user_device device = {.ring_count = VSOCK_RING_COUNT,
                                .config = &self->config,
                                .config_size = sizeof self->config,
                                .kicked = vsock_kicked,
                                .started = vsock_started,
                                .lost = vsock_lost};
    return vhost_user_create(self->loop, fd, self->memory, &device, self, error);
}

vsock *vsock_create(uv_loop_t *loop, int vhost_user_fd, guest_memory *memory, uint32_t context_id,
                    void (*lost)(const holm_error *error, void *data), void *data, holm_error **error) {
    vsock *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (vsock){.loop = loop,
                    .memory = memory,
                    .config = context_id,
                    .lost = lost,
                    .data = data,
                    .next_host_port = FIRST_HOST_PORT};
    self->queue_end = &self->queue;
    self->back_end = back_end_create(self, vhost_user_fd, error);
    if (!self->back_end) {
        free(self);
        return NULL;
    }
    uv_idle_init(loop, &self->again);
    self->again.data = self;
    return self;
}

int vsock_restart(vsock *self, int vhost_user_fd, holm_error **error) {
    while (self->all)
        vsock_table_remove(self, self->all, "the machine starts again");
    self->stray_count = 0;
    vhost_user *fresh = back_end_create(self, vhost_user_fd, error);
    if (!fresh)
        return -1;
    vhost_user_destroy(self->back_end);
    self->back_end = fresh;
    self->gone = false;
    return 0;
}

void vsock_dial(vsock *self, uint32_t port, int fd, vsock_dialled done, void *data) {
    if (self->gone || !vsock_table_make_room(self)) {
        cleanup_error holm_error *error = NULL;
        if (self->gone)
            holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "connect to port %u of the guest: it is gone",
                           port);
        else
            holm_error_set(&error, HOLM_ERROR_LIMIT,
                           "connect to port %u of the guest: %d connections are open", port,
                           VSOCK_CONNECTIONS_MOST);
        done(-1, 0, error, data);
        if (fd >= 0)
            close(fd);
        return;
    }
    do
        self->next_host_port =
            self->next_host_port == UINT32_MAX - 1 ? FIRST_HOST_PORT : self->next_host_port + 1;
    while (vsock_table_find(self, port, self->next_host_port));
    vsock_connection *one = vsock_table_add(self, port, self->next_host_port);
    one->fd = fd;
    one->gave_fd = fd >= 0;
    one->dialled = done;
    one->dialled_data = data;
    one->owed = VSOCK_OWED_REQUEST;
    vsock_queue_add(self, one);
    vsock_turn(self);
}

int vsock_listen(vsock *self, uint32_t port, vsock_accepted accepted, void *data, holm_error **error) {
    unsigned at = 0;
    while (at < self->listener_count && self->listeners[at].port != port)
        at++;
    if (!accepted) {
        if (at < self->listener_count)
            self->listeners[at] = self->listeners[--self->listener_count];
        return 0;
    }
    if (at < self->listener_count || at == VSOCK_LISTENERS_MOST) {
        holm_error_set(error, at == VSOCK_LISTENERS_MOST ? HOLM_ERROR_LIMIT : HOLM_ERROR_IN_USE,
                       "listen on port %u for the guest", port);
        return -1;
    }
    self->listeners[self->listener_count++] = (vsock_listener){port, accepted, data};
    return 0;
}

static void vsock_free(uv_handle_t *handle) {
    free(handle->data);
}

void vsock_destroy(vsock *self) {
    if (!self)
        return;
    self->in_turn = true;
    while (self->all)
        vsock_table_remove(self, self->all, "the machine was closed");
    vhost_user_destroy(self->back_end);
    uv_close((uv_handle_t *)&self->again, vsock_free);
}
