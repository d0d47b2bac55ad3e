// Load and Import as tasks: the archive is a file, or comes as messages, which a socket carries to the thread
// that reads it.
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/image/archive.h"
#include "core/image/reference.h"
#include "core/image/worker_internal.h"

typedef struct archive_feed archive_feed;

typedef struct archive_task {
    uv_work_t work;
    uv_async_t moved;
    worker_task *task;
    archive_feed *feed; // while messages still come
    bool import;
    char *path, *reference;        // either may be NULL
    char *base, *message, *author; // base NULL: no commit
    char **changes;
    size_t change_count;
    int fd; // of the thread
    bool cancelled;
    atomic_uint_fast64_t bytes_done, bytes_total;
    archive_result result;
    holm_error *error;
} archive_task;

/// A stream that brings an archive.
struct archive_feed {
    worker *owner;
    rpc_stream *stream;
    archive_task *work; // NULL: the header has not come yet
    bool import;
    int fd; // ours of the socket pair
    buffer pending;
    uv_poll_t poll;
    bool ended;
};

// ---- the work, on one of uv's workers ----

static void on_archive_progress(void *data, const char *phase, uint64_t done, uint64_t total) {
    archive_task *self = data;
    (void)phase;
    atomic_store_explicit(&self->bytes_done, done, memory_order_relaxed);
    atomic_store_explicit(&self->bytes_total, total, memory_order_relaxed);
    uv_async_send(&self->moved);
}

static int archive_run(archive_task *self, const archive_options *options) {
    struct stat status;
    if (self->path && (self->fd = open(self->path, O_RDONLY | O_CLOEXEC)) < 0) {
        holm_error_set_errno(&self->error, errno, "open %s", self->path);
        return -1;
    }
    if (self->base) {
        const archive_commit_options commit = {.base = self->base,
                                               .message = self->message,
                                               .author = self->author,
                                               .changes = (const char *const *)self->changes,
                                               .change_count = self->change_count};
        return archive_commit(options, self->fd, self->reference, &commit, &self->result, &self->error);
    }
    if (self->import)
        return archive_import(options, self->fd, self->reference, (const char *const *)self->changes,
                              self->change_count, &self->result, &self->error);
    if (self->path && fstat(self->fd, &status) == 0 && S_ISDIR(status.st_mode))
        return archive_load_folder(options, self->path, self->reference, &self->result, &self->error);
    return archive_load(options, self->fd, self->reference, &self->result, &self->error);
}

static void run_archive(uv_work_t *work) {
    archive_task *self = work->data;
    worker *owner = self->task->owner;
    archive_options options = {.blobs = pull_engine_blobs(worker_engine(owner)),
                               .data_directory = worker_paths(owner)->data,
                               .cancelled = &self->cancelled,
                               .progress = on_archive_progress,
                               .data = self};
    int code = archive_run(self, &options);
    if (self->fd >= 0)
        close(self->fd);
    if (code == 0 || !__atomic_load_n(&self->cancelled, __ATOMIC_RELAXED))
        return;
    // A stream that was cut off for that looks damaged.
    holm_error_free(steal_pointer(&self->error));
    holm_error_set(&self->error, HOLM_ERROR_CANCELLED, "cancelled");
}

// ---- the task ----

static void archive_describe(worker_task *task, worker_progress *out) {
    archive_task *self = task->implementation;
    out->phase = (char *)"unpacking";
    out->bytes_done = atomic_load_explicit(&self->bytes_done, memory_order_relaxed);
    out->bytes_total = atomic_load_explicit(&self->bytes_total, memory_order_relaxed);
}

static void archive_cancel(worker_task *task) {
    archive_task *self = task->implementation;
    __atomic_store_n(&self->cancelled, true, __ATOMIC_RELAXED);
    if (self->feed)
        shutdown(self->feed->fd, SHUT_RDWR);
}

static void on_moved(uv_async_t *handle) {
    archive_task *self = handle->data;
    if (!self->task->ended)
        worker_task_changed(self->task);
}

static void free_archive(uv_handle_t *handle) {
    archive_task *self = handle->data;
    for (size_t i = 0; i < self->change_count; i++)
        free(self->changes[i]);
    free(self->changes);
    free(self->path);
    free(self->reference);
    free(self->base);
    free(self->message);
    free(self->author);
    archive_result_finish(&self->result);
    holm_error_free(self->error);
    free(self);
}

static void feed_hand_over(archive_feed *feed);

static void after_archive(uv_work_t *work, int status) {
    (void)status;
    archive_task *self = work->data;
    if (self->feed)
        feed_hand_over(self->feed);
    self->task->references = steal_pointer(&self->result.references);
    self->task->reference_count = self->result.reference_count;
    self->result.reference_count = 0;
    worker_task_end(self->task, self->error ? NULL : self->result.digest, self->error);
    uv_close((uv_handle_t *)&self->moved, free_archive);
}

static int archive_name(archive_task *self, const char *text, holm_error **error) {
    cleanup_image_reference image_reference reference = {0};
    if (!text || !*text)
        return 0;
    if (image_reference_parse(text, NULL, &reference, error) < 0)
        return -1;
    self->reference = image_reference_canonical(&reference);
    return 0;
}

static archive_task *archive_create(const Holm__Image__V1__LoadHeader *header, bool import,
                                    holm_error **error) {
    archive_task *self = calloc(1, sizeof *self);
    self->import = import;
    self->fd = -1;
    self->work.data = self;
    if (archive_name(self, header->reference, error) < 0) {
        free(self);
        return NULL;
    }
    self->path = *header->path ? strdup(header->path) : NULL;
    self->base = import && *header->base_image ? strdup(header->base_image) : NULL;
    self->message = strdup(header->message);
    self->author = strdup(header->author);
    self->changes = calloc(header->n_changes + 1, sizeof *self->changes);
    for (size_t i = 0; i < header->n_changes; i++)
        self->changes[self->change_count++] = strdup(header->changes[i]);
    return self;
}

static void archive_start(archive_task *self, worker *owner) {
    static const worker_task_methods methods = {.describe = archive_describe, .cancel = archive_cancel};
    const char *subject = self->reference ? self->reference : self->path ? self->path : "archive";
    uv_async_init(worker_loop(owner), &self->moved, on_moved);
    self->moved.data = self;
    self->task = worker_task_create(owner,
                                    self->base     ? "commit"
                                    : self->import ? "import"
                                                   : "load",
                                    subject, NULL, &methods, self);
    uv_queue_work(worker_loop(owner), &self->work, run_archive, after_archive);
}

// ---- messages ----

static void feed_free(archive_feed *self) {
    if (self->fd >= 0)
        close(self->fd);
    buffer_finish(&self->pending);
    free(self);
}

static void on_feed_closed_poll(uv_handle_t *handle) {
    feed_free(handle->data);
}

/// Nothing more goes to the thread: it reads the end. The feed is gone.
static void feed_end(archive_feed *self) {
    if (self->work)
        self->work->feed = NULL;
    self->work = NULL;
    if (self->fd < 0) {
        feed_free(self);
        return;
    }
    uv_poll_stop(&self->poll);
    shutdown(self->fd, SHUT_RDWR);
    uv_close((uv_handle_t *)&self->poll, on_feed_closed_poll);
}

/// From now on the stream only tells how it goes.
static void feed_hand_over(archive_feed *self) {
    rpc_stream *stream = self->stream;
    worker *owner = self->owner;
    worker_task *task = self->work->task;
    feed_end(self);
    worker_watch(owner, stream, task);
    rpc_stream_resume(stream);
}

static void on_feed_writable(uv_poll_t *poll, int status, int events);

static void feed_flush(archive_feed *self) {
    while (self->pending.length) {
        ssize_t sent = send(self->fd, self->pending.data, self->pending.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            rpc_stream_pause(self->stream);
            uv_poll_start(&self->poll, UV_WRITABLE, on_feed_writable);
            return;
        }
        // The thread has ended, and says why when its task does.
        buffer_consume(&self->pending, sent < 0 ? self->pending.length : (size_t)sent);
    }
    uv_poll_stop(&self->poll);
    if (self->ended)
        feed_hand_over(self);
    else
        rpc_stream_resume(self->stream);
}

static void on_feed_writable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    feed_flush(poll->data);
}

static int feed_connect(archive_feed *self, holm_error **error) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        holm_error_set_errno(error, errno, "make a socket");
        return -1;
    }
    self->work->fd = ends[0];
    self->work->feed = self;
    self->fd = ends[1];
    self->poll.data = self;
    uv_poll_init(worker_loop(self->owner), &self->poll, self->fd);
    return 0;
}

static void feed_begin(archive_feed *self, const Holm__Image__V1__LoadHeader *header) {
    cleanup_error holm_error *error = NULL;
    self->work = archive_create(header, self->import, &error);
    if (!self->work) {
        rpc_stream_fail(self->stream, error);
        return;
    }
    if (!self->work->path && feed_connect(self, &error) < 0) {
        self->work->moved.data = self->work;
        free_archive((uv_handle_t *)&self->work->moved);
        self->work = NULL;
        rpc_stream_fail(self->stream, error);
        return;
    }
    archive_start(self->work, self->owner);
    if (self->work->path)
        feed_hand_over(self);
}

static void on_feed_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    archive_feed *self = data;
    const Holm__Image__V1__LoadInput *input = (const Holm__Image__V1__LoadInput *)message;
    bool header = input->part_case == HOLM__IMAGE__V1__LOAD_INPUT__PART_HEADER;
    if (header == (self->work != NULL)) {
        cleanup_error holm_error *error = NULL;
        holm_error_set(&error, HOLM_ERROR_INVALID, "an archive comes as one header and then its bytes");
        rpc_stream_fail(stream, error);
    } else if (header) {
        feed_begin(self, input->header);
    } else {
        buffer_append(&self->pending, input->data.data, input->data.len);
        feed_flush(self);
    }
}

static void on_feed_half_close(rpc_stream *stream, void *data) {
    archive_feed *self = data;
    if (!self->work) {
        rpc_stream_finish(stream, RPC_OK, NULL);
        return;
    }
    self->ended = true;
    feed_flush(self);
}

static void on_feed_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)stream;
    (void)code;
    (void)text;
    archive_feed *self = data;
    if (self->work)
        __atomic_store_n(&self->work->cancelled, true, __ATOMIC_RELAXED);
    feed_end(self);
}

static void feed_open(rpc_stream *stream, worker *owner, bool import) {
    static const rpc_stream_events events = {
        .message = on_feed_message, .half_close = on_feed_half_close, .close = on_feed_close};
    archive_feed *self = calloc(1, sizeof *self);
    *self = (archive_feed){.owner = owner, .stream = stream, .import = import, .fd = -1};
    rpc_stream_set_events(stream, &events, self);
}

void worker_open_load(rpc_stream *stream, void *data) {
    feed_open(stream, data, false);
}

void worker_open_import(rpc_stream *stream, void *data) {
    feed_open(stream, data, true);
}
