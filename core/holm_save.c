// Saving images: the worker sends the archive, since it can open none of the user's files, and we write it.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/holm_image.h"
#include "core/holm_output.h"
#include "core/image/image_client.h"

#define PENDING_MOST (1u << 20) ///< bytes that wait for the disk before the worker has to

typedef struct save_watch {
    holm_watch watch;
    uv_work_t work;
    uv_fs_t write;
    json_t *references; // canonical, or digests
    char *format, *compress, *platform;
    bool all_platforms;
    char *path; // NULL: standard output
    holm_output output;
    int fd;
    bool working, writing;
    bool whole; // all of it has come
    buffer pending, going;
    rpc_connection *connection;
    rpc_stream *stream;
    holm_error *error;
} save_watch;

static void save_free(save_watch *self) {
    if (self->fd >= 0)
        close(self->fd);
    holm_output_finish(&self->output);
    rpc_connection_destroy(self->connection);
    json_decref(self->references);
    holm_error_free(self->error);
    buffer_finish(&self->pending);
    buffer_finish(&self->going);
    free(self->format);
    free(self->compress);
    free(self->platform);
    free(self->path);
    holm_watch_release(&self->watch);
}

static void save_end(holm_watch *watch) {
    save_watch *self = (save_watch *)watch;
    if (self->stream)
        rpc_stream_cancel(self->stream); // its close comes back here
    else if (!self->working && !self->writing)
        save_free(self);
}

// ---- the end: a file gets its name, on a worker ----

static void name_file(uv_work_t *work) {
    save_watch *self = work->data;
    holm_output_keep(&self->output, &self->error);
}

static void over(save_watch *self) {
    if (self->watch.closed)
        save_free(self);
    else
        holm_watch_finish(&self->watch, self->error);
}

static void named(uv_work_t *work, int status) {
    save_watch *self = work->data;
    (void)status;
    self->working = false;
    over(self);
}

static void check_over(save_watch *self) {
    if (self->stream || self->writing || self->working)
        return;
    if (self->error || !self->whole || self->watch.closed) {
        over(self);
        return;
    }
    self->working = true;
    uv_queue_work(self->watch.handle.client->loop, &self->work, name_file, named);
}

// ---- writing ----

static void write_more(save_watch *self);

static void on_written(uv_fs_t *request) {
    save_watch *self = request->data;
    ssize_t written = request->result;
    uv_fs_req_cleanup(request);
    self->writing = false;
    if (written < 0) {
        if (!self->error)
            holm_error_set_errno(&self->error, (int)-written, "write %s",
                                 self->path ? self->path : "the archive");
        if (self->stream)
            rpc_stream_cancel(self->stream);
        check_over(self);
        return;
    }
    buffer_consume(&self->going, (size_t)written);
    write_more(self);
}

static void write_more(save_watch *self) {
    if (self->writing || self->error)
        return;
    if (self->going.length == 0) {
        buffer swap = self->going;
        self->going = self->pending;
        self->pending = swap;
        if (self->stream)
            rpc_stream_resume(self->stream);
    }
    if (self->going.length == 0) {
        check_over(self);
        return;
    }
    self->writing = true;
    self->write.data = self;
    uv_buf_t bytes = uv_buf_init((char *)self->going.data, (unsigned)self->going.length);
    uv_fs_write(self->watch.handle.client->loop, &self->write, self->output.fd, &bytes, 1, -1, on_written);
}

static void on_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    save_watch *self = data;
    const Holm__Image__V1__SaveOutput *output = (const Holm__Image__V1__SaveOutput *)message;
    if (output->part_case == HOLM__IMAGE__V1__SAVE_OUTPUT__PART_PROGRESS)
        self->whole = self->whole || output->progress->done;
    if (output->part_case != HOLM__IMAGE__V1__SAVE_OUTPUT__PART_DATA)
        return;
    buffer_append(&self->pending, output->data.data, output->data.len);
    if (self->pending.length > PENDING_MOST)
        rpc_stream_pause(stream);
    write_more(self);
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    save_watch *self = data;
    (void)code, (void)text;
    self->stream = NULL;
    if (!self->error)
        self->error = rpc_stream_error(stream);
    if (!self->error && !self->whole)
        holm_error_set(&self->error, HOLM_ERROR_UNAVAILABLE,
                       "the image worker ended before its work was done");
    check_over(self);
}

// ---- the beginning ----

/// Every name becomes what the worker knows: a canonical reference, or a digest.
static int find_images(save_watch *self, state *db) {
    size_t index;
    json_t *name;
    json_array_foreach (self->references, index, name) {
        char *source =
            holm_image_resolve(self->watch.handle.client, db, json_string_value(name), &self->error);
        if (!source)
            return -1;
        json_array_set_new(self->references, index, json_string(source));
        free(source);
    }
    return 0;
}

static void begin(uv_work_t *work) {
    save_watch *self = work->data;
    holm_client *client = self->watch.handle.client;
    state *db = holm_state_take(client, &self->error);
    if (!db)
        return;
    int found = find_images(self, db);
    holm_state_give(client, db);
    if (found == 0 && holm_output_open(&self->output, self->path, &self->error) == 0)
        self->fd = image_client_connect(&client->where, true, &self->error);
}

static void send_request(save_watch *self) {
    static const rpc_stream_events events = {.message = on_message, .close = on_close};
    Holm__Image__V1__SaveRequest request = HOLM__IMAGE__V1__SAVE_REQUEST__INIT;
    request.n_references = json_array_size(self->references);
    cleanup_free char **names = calloc(request.n_references + 1, sizeof *names);
    if (!names)
        abort();
    for (size_t i = 0; i < request.n_references; i++)
        names[i] = (char *)json_string_value(json_array_get(self->references, i));
    request.references = names;
    request.format = self->format;
    request.compress = self->compress;
    request.platform = self->platform;
    request.all_platforms = self->all_platforms;
    self->stream = rpc_call_open(self->connection, &image_protocol, "Save", &events, self, 0);
    rpc_stream_send(self->stream, &request.base);
    rpc_stream_half_close(self->stream);
}

static void begun(uv_work_t *work, int status) {
    save_watch *self = work->data;
    (void)status;
    self->working = false;
    if (!self->watch.closed && !self->error)
        self->connection = rpc_connection_create(self->watch.handle.client->loop, steal_fd(&self->fd), NULL,
                                                 NULL, &self->error);
    if (self->connection)
        send_request(self);
    else
        over(self);
}

holm_watch *holm_image_save(holm_client *client, json_t *references, const holm_image_save_options *options,
                            holm_watch_item item, holm_watch_ended ended, void *data) {
    save_watch *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    holm_watch_init(&self->watch, client, item, ended, data, save_end);
    self->references = json_deep_copy(references);
    self->format = strdup(options->format ? options->format : "");
    self->compress = strdup(options->compress ? options->compress : "");
    self->platform = strdup(options->platform ? options->platform : "");
    self->all_platforms = options->all_platforms;
    self->path = options->path ? strdup(options->path) : NULL;
    self->fd = -1;
    self->output = (holm_output)HOLM_OUTPUT_INIT;
    self->work.data = self;
    self->working = true;
    uv_queue_work(client->loop, &self->work, begin, begun);
    return &self->watch;
}
