#include "core/registry/registry_read.h"

struct registry_read {
    registry_fetch *fetch;
    registry_read_done done;
    void *data;
    buffer text;
};

void registry_read_cancel(registry_read *self) {
    if (!self)
        return;
    registry_fetch_cancel(self->fetch);
    buffer_finish(&self->text);
    free(self);
}

static void on_body(registry_fetch *fetch, const void *bytes, size_t length, void *data) {
    (void)fetch;
    buffer_append(&((registry_read *)data)->text, bytes, length);
}

static void on_done(registry_fetch *fetch, const char *type, const holm_error *error, void *data) {
    (void)type;
    registry_read *self = data;
    self->fetch = NULL;
    self->done(fetch, error ? NULL : &self->text, error, self->data);
    registry_read_cancel(self);
}

registry_read *registry_read_start(registry *owner, const registry_request *request, registry_read_done done,
                                   void *data) {
    static const registry_events events = {.body = on_body, .done = on_done};
    registry_read *self = calloc(1, sizeof *self);
    self->done = done;
    self->data = data;
    self->fetch = registry_fetch_start(owner, request, &events, self);
    return self;
}
