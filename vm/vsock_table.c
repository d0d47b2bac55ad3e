#include <unistd.h>

#include "vm/vsock_internal.h"

static unsigned slot_of(uint32_t guest_port, uint32_t host_port) {
    return (guest_port * 2654435761U ^ host_port * 40503U) >> 8 & (VSOCK_TABLE_SIZE - 1);
}

vsock_connection *vsock_table_find(vsock *self, uint32_t guest_port, uint32_t host_port) {
    vsock_connection *one = self->table[slot_of(guest_port, host_port)];
    while (one && (one->guest_port != guest_port || one->host_port != host_port))
        one = one->next_in_table;
    return one;
}

static void leave_table(vsock *self, vsock_connection *one) {
    if (!one->in_table)
        return;
    vsock_connection **at = &self->table[slot_of(one->guest_port, one->host_port)];
    while (*at != one)
        at = &(*at)->next_in_table;
    *at = one->next_in_table;
    one->in_table = false;
}

void vsock_queue_remove(vsock *self, vsock_connection *one) {
    if (!one->queued)
        return;
    vsock_connection **at = &self->queue;
    while (*at != one)
        at = &(*at)->next_in_queue;
    *at = one->next_in_queue;
    if (!*at)
        self->queue_end = at;
    one->queued = false;
}

void vsock_queue_add(vsock *self, vsock_connection *one) {
    if (one->queued)
        return;
    one->queued = true;
    one->next_in_queue = NULL;
    *self->queue_end = one;
    self->queue_end = &one->next_in_queue;
}

void vsock_answer_dial(vsock_connection *one, int fd, const holm_error *error) {
    if (!one->dialled)
        return;
    one->dialled(fd, one->host_port, error, one->dialled_data);
    one->dialled = NULL;
}

void vsock_table_remove(vsock *self, vsock_connection *one, const char *why) {
    leave_table(self, one);
    vsock_queue_remove(self, one);
    *one->previous_in_all = one->next_in_all;
    if (one->next_in_all)
        one->next_in_all->previous_in_all = one->previous_in_all;
    self->count--;
    if (one->dialled) {
        cleanup_error holm_error *error = NULL;
        holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "connect to port %u of the guest: %s", one->guest_port,
                       why);
        vsock_answer_dial(one, -1, error);
    }
    if (!one->open && one->gave_fd)
        close(one->fd);
    vsock_connection_destroy(one);
}

void vsock_table_forget_guest(vsock *self, vsock_connection *one, const char *why) {
    leave_table(self, one);
    vsock_queue_remove(self, one);
    one->owed = 0;
    one->local_ended = true;
    if (!one->open || vsock_connection_drained(one)) {
        vsock_table_remove(self, one, why);
        return;
    }
    vsock_connection_guest_shutdown(one, VSOCK_NO_MORE);
    vsock_connection_watch(one);
}

bool vsock_table_make_room(vsock *self) {
    for (vsock_connection *one = self->all; one && self->count >= VSOCK_CONNECTIONS_MOST;) {
        vsock_connection *next = one->next_in_all;
        if (one->local_closed && !one->owed)
            vsock_table_remove(self, one, "the local end is gone");
        one = next;
    }
    return self->count < VSOCK_CONNECTIONS_MOST;
}

static void wake(vsock_connection *one) {
    vsock *self = one->owner;
    if (!one->in_table && vsock_connection_drained(one)) {
        vsock_table_remove(self, one, "reset");
        return;
    }
    if (one->in_table)
        vsock_queue_add(self, one);
    vsock_turn(self);
}

vsock_connection *vsock_table_add(vsock *self, uint32_t guest_port, uint32_t host_port) {
    vsock_connection *one = vsock_connection_create(self->loop, guest_port, host_port);
    one->owner = self;
    one->wake = wake;
    vsock_connection **at = &self->table[slot_of(guest_port, host_port)];
    one->next_in_table = *at;
    *at = one;
    one->in_table = true;
    one->next_in_all = self->all;
    one->previous_in_all = &self->all;
    if (self->all)
        self->all->previous_in_all = &one->next_in_all;
    self->all = one;
    self->count++;
    return one;
}
