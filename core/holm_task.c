// Image tasks: pull, push, load, import and verify as watches of their progress.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/holm_image.h"
#include "core/image/image_client.h"

#define FEED_BYTES (256u << 10)

typedef struct task_watch task_watch;
struct task_watch {
    holm_watch watch;
    uv_work_t work;
    const char *method;
    void (*send)(task_watch *self); // the request, once the stream is open
    // The request, owned.
    char *reference, *path, *platform, *scheme;
    json_t *changes;
    bool repair, all_platforms;
    unsigned concurrency;
    int fd;
    holm_error *error;
    bool working;
    bool done; // the last progress has come
    rpc_connection *connection;
    rpc_stream *stream;
    // What is loaded goes through the connection: the worker itself can open none of the user's files.
    int file;
    uv_fs_t read;
    bool reading;
    char *chunk;
};

static void task_free(task_watch *self) {
    if (self->fd >= 0)
        close(self->fd);
    if (self->file >= 0)
        close(self->file);
    free(self->chunk);
    rpc_connection_destroy(self->connection);
    json_decref(self->changes);
    holm_error_free(self->error);
    free(self->reference);
    free(self->path);
    free(self->platform);
    free(self->scheme);
    holm_watch_release(&self->watch);
}

static void task_end(holm_watch *watch) {
    task_watch *self = (task_watch *)watch;
    if (self->stream)
        rpc_stream_cancel(self->stream); // its close comes back here; the work goes on
    else if (!self->working && !self->reading)
        task_free(self);
}

static void on_progress(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    task_watch *self = data;
    const Holm__Image__V1__Progress *progress = (const Holm__Image__V1__Progress *)message;
    (void)stream;
    if (self->done)
        return;
    self->done = progress->done;
    if (progress->done && progress->error && progress->error[0]) {
        holm_error_set(&self->error, holm_error_code_parse(progress->error_code), "%s", progress->error);
        if (progress->hint && progress->hint[0])
            holm_error_hint(&self->error, "%s", progress->hint);
        holm_error_split(self->error, progress->error_seams);
        if (self->path)
            holm_error_wrap(&self->error, "take %s", self->path);
    }
    holm_watch_tell(&self->watch, holm_message_json(message));
}

static void over(task_watch *self) {
    if (self->watch.closed)
        task_free(self);
    else
        holm_watch_finish(&self->watch, self->error);
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    task_watch *self = data;
    (void)code, (void)text;
    self->stream = NULL;
    if (!self->done && !self->error)
        self->error = rpc_stream_error(stream);
    if (!self->done && !self->error)
        holm_error_set(&self->error, HOLM_ERROR_UNAVAILABLE,
                       "the image worker ended before its work was done");
    if (!self->reading)
        over(self);
}

static void feed(task_watch *self);

static void on_drained(rpc_stream *stream, void *data) {
    (void)stream;
    feed(data);
}

static const rpc_stream_events stream_events = {
    .message = on_progress, .drained = on_drained, .close = on_close};

static void send_pull(task_watch *self) {
    Holm__Image__V1__PullRequest request = HOLM__IMAGE__V1__PULL_REQUEST__INIT;
    request.reference = self->reference;
    request.platform = self->platform ? self->platform : (char *)"";
    request.scheme = self->scheme ? self->scheme : (char *)"";
    request.concurrency = self->concurrency;
    request.all_platforms = self->all_platforms;
    if (!request.concurrency)
        request.concurrency = (uint32_t)json_integer_value(
            config_get(self->watch.handle.client->config, "registry.concurrency"));
    rpc_stream_send(self->stream, &request.base);
    rpc_stream_half_close(self->stream);
}

static void send_push(task_watch *self) {
    Holm__Image__V1__PushRequest request = HOLM__IMAGE__V1__PUSH_REQUEST__INIT;
    request.reference = self->reference;
    request.platform = self->platform ? self->platform : (char *)"";
    request.all_platforms = self->all_platforms;
    request.scheme = self->scheme ? self->scheme : (char *)"";
    rpc_stream_send(self->stream, &request.base);
    rpc_stream_half_close(self->stream);
}

static void send_verify(task_watch *self) {
    Holm__Image__V1__VerifyRequest request = HOLM__IMAGE__V1__VERIFY_REQUEST__INIT;
    request.repair = self->repair;
    rpc_stream_send(self->stream, &request.base);
    rpc_stream_half_close(self->stream);
}

static void feed(task_watch *self);

static void send_load(task_watch *self) {
    Holm__Image__V1__LoadHeader header = HOLM__IMAGE__V1__LOAD_HEADER__INIT;
    header.reference = self->reference ? self->reference : (char *)"";
    header.n_changes = json_array_size(self->changes);
    header.changes = calloc(header.n_changes + 1, sizeof *header.changes);
    for (size_t i = 0; i < header.n_changes; i++)
        header.changes[i] = (char *)json_string_value(json_array_get(self->changes, i));
    Holm__Image__V1__LoadInput input = HOLM__IMAGE__V1__LOAD_INPUT__INIT;
    input.part_case = HOLM__IMAGE__V1__LOAD_INPUT__PART_HEADER;
    input.header = &header;
    rpc_stream_send(self->stream, &input.base);
    free(header.changes);
    self->chunk = malloc(FEED_BYTES);
    if (!self->chunk)
        abort();
    feed(self);
}

static void on_read(uv_fs_t *request) {
    task_watch *self = request->data;
    ssize_t got = request->result;
    uv_fs_req_cleanup(request);
    self->reading = false;
    if (!self->stream) {
        over(self);
        return;
    }
    if (got > 0) {
        Holm__Image__V1__LoadInput input = HOLM__IMAGE__V1__LOAD_INPUT__INIT;
        input.part_case = HOLM__IMAGE__V1__LOAD_INPUT__PART_DATA;
        input.data = (ProtobufCBinaryData){.len = (size_t)got, .data = (uint8_t *)self->chunk};
        rpc_stream_send(self->stream, &input.base);
        feed(self);
    } else if (got == 0) {
        close(steal_fd(&self->file));
        rpc_stream_half_close(self->stream);
    } else {
        holm_error_set_errno(&self->error, (int)-got, "read %s", self->path);
        rpc_stream_cancel(self->stream);
    }
}

static void feed(task_watch *self) {
    if (self->reading || self->file < 0 || rpc_stream_congested(self->stream))
        return;
    self->reading = true;
    self->read.data = self;
    uv_buf_t room = uv_buf_init(self->chunk, FEED_BYTES);
    uv_fs_read(self->watch.handle.client->loop, &self->read, self->file, &room, 1, -1, on_read);
}

static void open_file(task_watch *self) {
    struct stat status;
    self->file = strcmp(self->path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                              : open(self->path, O_RDONLY | O_CLOEXEC);
    if (self->file < 0 || fstat(self->file, &status) < 0) {
        holm_error_set_errno(&self->error, errno, "open %s", self->path);
    } else if (S_ISDIR(status.st_mode)) {
        holm_error_set(&self->error, HOLM_ERROR_UNSUPPORTED, "%s is a folder, not an archive", self->path);
        holm_error_hint(&self->error, "tar -C %s -cf archive.tar . makes one of it", self->path);
    }
}

static void reach_on_worker(uv_work_t *work) {
    task_watch *self = work->data;
    if (!self->error && self->path)
        open_file(self);
    if (!self->error)
        self->fd = image_client_connect(&self->watch.handle.client->where, true, &self->error);
}

static void reached(uv_work_t *work, int status) {
    task_watch *self = work->data;
    (void)status;
    self->working = false;
    if (self->watch.closed) {
        task_free(self);
        return;
    }
    if (!self->error)
        self->connection = rpc_connection_create(self->watch.handle.client->loop, steal_fd(&self->fd), NULL,
                                                 NULL, &self->error);
    if (!self->connection) {
        holm_watch_finish(&self->watch, self->error);
        return;
    }
    self->stream = rpc_call_open(self->connection, &image_protocol, self->method, &stream_events, self, 0);
    self->send(self);
}

static task_watch *task_create(holm_client *client, const char *method, void (*send)(task_watch *self),
                               const char *name, holm_watch_item item, holm_watch_ended ended, void *data) {
    task_watch *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    holm_watch_init(&self->watch, client, item, ended, data, task_end);
    self->method = method;
    self->send = send;
    self->fd = self->file = -1;
    self->work.data = self;
    if (name)
        self->reference = holm_image_canonical(client, name, &self->error);
    return self;
}

static holm_watch *task_go(task_watch *self) {
    self->working = true;
    uv_queue_work(self->watch.handle.client->loop, &self->work, reach_on_worker, reached);
    return &self->watch;
}

static char *copy(const char *text) {
    return text ? strdup(text) : NULL;
}

// http for the registries that the user has called insecure.
static const char *scheme_for(const holm_client *client, const char *canonical) {
    size_t length = canonical ? strcspn(canonical, "/") : 0, index;
    json_t *value;
    json_array_foreach (config_get(client->config, "registry.insecure"), index, value) {
        const char *registry = json_string_value(value);
        if (length > 0 && strlen(registry) == length && strncmp(registry, canonical, length) == 0)
            return "http";
    }
    return NULL;
}

holm_watch *holm_image_pull(holm_client *client, const char *reference,
                            const holm_image_pull_options *options, holm_watch_item item,
                            holm_watch_ended ended, void *data) {
    static const holm_image_pull_options standard = {0};
    if (!options)
        options = &standard;
    task_watch *self = task_create(client, "Pull", send_pull, reference, item, ended, data);
    self->platform = copy(options->platform);
    self->scheme = copy(options->scheme ? options->scheme : scheme_for(client, self->reference));
    self->concurrency = options->concurrency;
    self->all_platforms = options->all_platforms;
    return task_go(self);
}

holm_watch *holm_image_push(holm_client *client, const char *reference,
                            const holm_image_push_options *options, holm_watch_item item,
                            holm_watch_ended ended, void *data) {
    static const holm_image_push_options standard = {0};
    if (!options)
        options = &standard;
    task_watch *self = task_create(client, "Push", send_push, reference, item, ended, data);
    self->scheme = copy(options->scheme ? options->scheme : scheme_for(client, self->reference));
    self->platform = copy(options->platform);
    self->all_platforms = options->all_platforms;
    return task_go(self);
}

// "-" is standard input.
static void set_path(task_watch *self, const char *path) {
    self->path = strcmp(path, "-") == 0 ? strdup(path) : realpath(path, NULL);
    if (!self->path && !self->error)
        holm_error_set_errno(&self->error, errno, "open %s", path);
}

holm_watch *holm_image_load(holm_client *client, const char *path, holm_watch_item item,
                            holm_watch_ended ended, void *data) {
    task_watch *self = task_create(client, "Load", send_load, NULL, item, ended, data);
    set_path(self, path);
    return task_go(self);
}

holm_watch *holm_image_import(holm_client *client, const char *path, const char *reference, json_t *changes,
                              holm_watch_item item, holm_watch_ended ended, void *data) {
    task_watch *self = task_create(client, "Import", send_load, reference, item, ended, data);
    set_path(self, path);
    self->changes = changes ? json_deep_copy(changes) : NULL;
    return task_go(self);
}

holm_watch *holm_image_verify(holm_client *client, bool repair, holm_watch_item item, holm_watch_ended ended,
                              void *data) {
    task_watch *self = task_create(client, "Verify", send_verify, NULL, item, ended, data);
    self->repair = repair;
    return task_go(self);
}
