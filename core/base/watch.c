#include "core/base/watch.h"

#include <stdlib.h>

struct watch {
    uv_poll_t poll;
    int fd;
    int events;
    watch_ready ready;
    void *data;
};

static void on_poll(uv_poll_t *poll, int status, int events) {
    watch *self = poll->data;
    self->ready(self->data, status < 0 ? self->events : events);
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

watch *watch_create(uv_loop_t *loop, int fd, watch_ready ready, void *data, holm_error **error) {
    cleanup_close int owned = fd;
    watch *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    int failed = uv_poll_init(loop, &self->poll, fd);
    if (failed) {
        holm_error_set_errno(error, -failed, "watch a descriptor");
        free(self);
        return NULL;
    }
    self->poll.data = self;
    self->fd = steal_fd(&owned);
    self->ready = ready;
    self->data = data;
    return self;
}

void watch_events(watch *self, int events) {
    if (!self || self->events == events)
        return;
    self->events = events;
    if (events)
        uv_poll_start(&self->poll, events, on_poll);
    else
        uv_poll_stop(&self->poll);
}

int watch_fd(const watch *self) {
    return self->fd;
}

void watch_destroy(watch *self) {
    if (!self)
        return;
    uv_close((uv_handle_t *)&self->poll, on_closed);
    close(self->fd);
}
