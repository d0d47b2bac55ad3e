// What the watches share: telling, ending, and letting go in this order.
#include "core/holm_internal.h"

static void close_with_client(holm_handle *handle) {
    holm_watch_close((holm_watch *)handle);
}

void holm_watch_init(holm_watch *self, holm_client *client, holm_watch_item item, holm_watch_ended ended,
                     void *data, void (*end)(holm_watch *self)) {
    *self = (holm_watch){.item = item, .ended = ended, .data = data, .end = end};
    holm_handle_init(&self->handle, client, close_with_client);
}

void holm_watch_tell(holm_watch *self, json_t *item) {
    if (!self->closed)
        self->item(self, item, self->data);
    json_decref(item);
}

void holm_watch_finish(holm_watch *self, const holm_error *error) {
    if (self->closed)
        return;
    self->closed = true;
    if (self->ended)
        self->ended(self, error, self->data);
    self->end(self);
}

void holm_watch_close(holm_watch *watch) {
    if (!watch || watch->closed)
        return;
    watch->closed = true;
    watch->end(watch);
}

void holm_watch_release(holm_watch *self) {
    holm_handle_finish(&self->handle);
    free(self);
}
