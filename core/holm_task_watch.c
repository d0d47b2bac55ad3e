// Every image task of the user, as long as the watch is open: waits for an image worker to appear, follows
// it, and waits again when it has gone.
#include "core/holm_internal.h"
#include "core/image/image_client.h"

typedef struct all_watch {
    holm_watch watch;
    uv_fs_event_t folder; // where the worker's socket appears
    rpc_connection *connection;
    rpc_stream *stream;
    bool folder_closed;
} all_watch;

static void follow(all_watch *self);

static void all_free_when_idle(all_watch *self) {
    if (self->stream || !self->folder_closed)
        return;
    rpc_connection_destroy(self->connection);
    holm_watch_release(&self->watch);
}

static void folder_closed(uv_handle_t *handle) {
    all_watch *self = handle->data;
    self->folder_closed = true;
    all_free_when_idle(self);
}

static void all_end(holm_watch *watch) {
    all_watch *self = (all_watch *)watch;
    if (self->stream)
        rpc_stream_cancel(self->stream);
    uv_close((uv_handle_t *)&self->folder, folder_closed);
}

static void on_progress(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    all_watch *self = data;
    (void)stream;
    holm_watch_tell(&self->watch, holm_message_json(message));
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    all_watch *self = data;
    (void)stream, (void)code, (void)text;
    self->stream = NULL;
    if (self->watch.closed) {
        all_free_when_idle(self);
        return;
    }
    rpc_connection_destroy(steal_pointer(&self->connection));
    follow(self); // another one may be there already
}

static const rpc_stream_events stream_events = {.message = on_progress, .close = on_close};

static void follow(all_watch *self) {
    if (self->stream || self->watch.closed)
        return;
    cleanup_free char *path = image_client_socket(&self->watch.handle.client->where);
    self->connection = rpc_connection_open(self->watch.handle.client->loop, path, NULL, NULL, NULL);
    if (!self->connection)
        return; // none is there: the folder tells when one comes
    self->stream = rpc_call_open(self->connection, &image_protocol, "Watch", &stream_events, self, 0);
    Holm__Image__V1__Empty request = HOLM__IMAGE__V1__EMPTY__INIT;
    rpc_stream_send(self->stream, &request.base);
    rpc_stream_half_close(self->stream);
}

static void folder_changed(uv_fs_event_t *event, const char *name, int events, int status) {
    (void)name, (void)events, (void)status;
    follow(event->data);
}

holm_watch *holm_task_watch(holm_client *client, holm_watch_item item, holm_watch_ended ended, void *data) {
    all_watch *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    holm_watch_init(&self->watch, client, item, ended, data, all_end);
    uv_fs_event_init(client->loop, &self->folder);
    self->folder.data = self;
    uv_fs_event_start(&self->folder, folder_changed, client->where.runtime, 0);
    follow(self);
    return &self->watch;
}
