// Save as a task: into a file, or as messages.
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/image/archive.h"
#include "core/image/reference.h"
#include "core/image/worker_internal.h"

enum { PIECE_SIZE = 64 << 10 };

typedef struct save_task {
    uv_work_t work;
    uv_async_t moved;
    uv_poll_t poll;
    worker *owner;
    worker_task *task;
    rpc_stream *stream; // NULL: the client has gone
    char **references;
    size_t reference_count;
    char *format, *compress, *platform, *path; // path NULL: messages
    bool all_platforms;
    int write_fd; // of the thread
    int read_fd;  // ours, -1 with a path
    bool cancelled, worked, read_all;
    unsigned handles; // that are not closed yet
    atomic_uint_fast64_t bytes_done, bytes_total;
    holm_error *error;
} save_task;

// ---- the work, on one of uv's workers ----

static void on_save_progress(void *data, const char *phase, uint64_t done, uint64_t total) {
    save_task *self = data;
    (void)phase;
    atomic_store_explicit(&self->bytes_done, done, memory_order_relaxed);
    atomic_store_explicit(&self->bytes_total, total, memory_order_relaxed);
    uv_async_send(&self->moved);
}

static int save(save_task *self, const archive_options *options, int fd) {
    const archive_save_options how = {
        .format = self->format, .compress = self->compress, .all_platforms = self->all_platforms};
    return archive_save(options, (const char *const *)self->references, self->reference_count, &how, fd,
                        &self->error);
}

/// The file has its name only when it is whole.
static int save_to_file(save_task *self, const archive_options *options) {
    cleanup_free char *temporary = path_format("%s.%d.tmp", self->path, (int)getpid());
    cleanup_close int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        holm_error_set_errno(&self->error, errno, "make %s", temporary);
        return -1;
    }
    int code = save(self, options, fd);
    if (code == 0 && (fsync(fd) < 0 || rename(temporary, self->path) < 0)) {
        holm_error_set_errno(&self->error, errno, "make %s", self->path);
        code = -1;
    }
    if (code < 0)
        unlink(temporary);
    return code;
}

static void run_save(uv_work_t *work) {
    save_task *self = work->data;
    archive_options options = {.blobs = pull_engine_blobs(worker_engine(self->owner)),
                               .data_directory = worker_paths(self->owner)->data,
                               .platform = self->platform,
                               .cancelled = &self->cancelled,
                               .progress = on_save_progress,
                               .data = self};
    if (self->path)
        save_to_file(self, &options);
    else
        save(self, &options, self->write_fd);
    if (self->write_fd >= 0)
        close(self->write_fd);
    if (!self->error || !__atomic_load_n(&self->cancelled, __ATOMIC_RELAXED))
        return;
    holm_error_free(steal_pointer(&self->error));
    holm_error_set(&self->error, HOLM_ERROR_CANCELLED, "cancelled");
}

// ---- the task ----

static void save_describe(worker_task *task, worker_progress *out) {
    save_task *self = task->implementation;
    out->phase = (char *)"storing";
    out->bytes_done = atomic_load_explicit(&self->bytes_done, memory_order_relaxed);
    out->bytes_total = atomic_load_explicit(&self->bytes_total, memory_order_relaxed);
}

static void save_cancel(worker_task *task) {
    save_task *self = task->implementation;
    __atomic_store_n(&self->cancelled, true, __ATOMIC_RELAXED);
    if (self->read_fd >= 0)
        shutdown(self->read_fd, SHUT_RDWR); // a thread that waits for us to read ends
}

static void on_saved_closed(uv_handle_t *handle) {
    save_task *self = handle->data;
    if (--self->handles)
        return;
    if (self->read_fd >= 0)
        close(self->read_fd);
    for (size_t i = 0; i < self->reference_count; i++)
        free(self->references[i]);
    free(self->references);
    free(self->format);
    free(self->compress);
    free(self->platform);
    free(self->path);
    holm_error_free(self->error);
    free(self);
}

static void save_answer(save_task *self) {
    if (!self->stream)
        return;
    rpc_stream_set_events(self->stream, &(rpc_stream_events){0}, NULL);
    if (self->error) {
        rpc_stream_fail(self->stream, self->error);
        return;
    }
    worker_progress progress = HOLM__IMAGE__V1__PROGRESS__INIT;
    progress.task = self->task->id;
    progress.kind = (char *)"save";
    progress.phase = (char *)"done";
    progress.done = true;
    progress.bytes_done = progress.bytes_total = atomic_load(&self->bytes_done);
    Holm__Image__V1__SaveOutput output;
    holm__image__v1__save_output__init(&output);
    output.part_case = HOLM__IMAGE__V1__SAVE_OUTPUT__PART_PROGRESS;
    output.progress = &progress;
    rpc_stream_reply(self->stream, &output.base);
}

/// Over when the thread has ended and all it wrote is sent.
static void save_check(save_task *self) {
    if (!self->worked || !self->read_all)
        return;
    save_answer(self);
    worker_task_end(self->task, NULL, self->error);
    if (self->read_fd >= 0)
        uv_close((uv_handle_t *)&self->poll, on_saved_closed);
    uv_close((uv_handle_t *)&self->moved, on_saved_closed);
}

static void after_save(uv_work_t *work, int status) {
    (void)status;
    save_task *self = work->data;
    self->worked = true;
    save_check(self);
}

static void on_moved(uv_async_t *handle) {
    save_task *self = handle->data;
    if (!self->task->ended)
        worker_task_changed(self->task);
}

// ---- messages ----

static void on_readable(uv_poll_t *poll, int status, int events) {
    save_task *self = poll->data;
    uint8_t piece[PIECE_SIZE];
    (void)status;
    (void)events;
    while (!self->stream || !rpc_stream_congested(self->stream)) {
        ssize_t length = recv(self->read_fd, piece, sizeof piece, MSG_DONTWAIT);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (length <= 0) {
            uv_poll_stop(poll);
            self->read_all = true;
            save_check(self);
            return;
        }
        if (!self->stream)
            continue;
        Holm__Image__V1__SaveOutput output;
        holm__image__v1__save_output__init(&output);
        output.part_case = HOLM__IMAGE__V1__SAVE_OUTPUT__PART_DATA;
        output.data = (ProtobufCBinaryData){.len = (size_t)length, .data = piece};
        rpc_stream_send(self->stream, &output.base);
    }
    uv_poll_stop(poll);
}

static void on_drained(rpc_stream *stream, void *data) {
    (void)stream;
    save_task *self = data;
    if (self->read_fd >= 0 && !self->read_all)
        uv_poll_start(&self->poll, UV_READABLE, on_readable);
}

/// A file is written to its end; what nobody receives is not.
static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)stream;
    (void)code;
    (void)text;
    save_task *self = data;
    self->stream = NULL;
    if (self->path)
        return;
    save_cancel(self->task);
    if (!self->read_all)
        uv_poll_start(&self->poll, UV_READABLE, on_readable);
}

static int save_connect(save_task *self, holm_error **error) {
    int ends[2];
    if (self->path) {
        self->read_all = true;
        return 0;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        holm_error_set_errno(error, errno, "make a socket");
        return -1;
    }
    self->read_fd = ends[0];
    self->write_fd = ends[1];
    self->poll.data = self;
    self->handles++;
    uv_poll_init(worker_loop(self->owner), &self->poll, self->read_fd);
    uv_poll_start(&self->poll, UV_READABLE, on_readable);
    return 0;
}

static int save_name(save_task *self, const char *text, holm_error **error) {
    cleanup_image_reference image_reference reference = {0};
    bool digest = strncmp(text, "sha256:", 7) == 0;
    if (!digest && image_reference_parse(text, NULL, &reference, error) < 0)
        return -1;
    self->references[self->reference_count++] = digest ? strdup(text) : image_reference_canonical(&reference);
    return 0;
}

static void save_free(save_task *self) {
    self->handles = 1;
    self->moved.data = self;
    on_saved_closed((uv_handle_t *)&self->moved);
}

static void on_request(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    static const rpc_stream_events events = {.drained = on_drained, .close = on_close};
    static const worker_task_methods methods = {.describe = save_describe, .cancel = save_cancel};
    const Holm__Image__V1__SaveRequest *request = (const Holm__Image__V1__SaveRequest *)message;
    cleanup_error holm_error *error = NULL;
    save_task *self = calloc(1, sizeof *self);
    *self = (save_task){.owner = data, .stream = stream, .read_fd = -1, .write_fd = -1};
    self->references = calloc(request->n_references + 1, sizeof *self->references);
    self->format = strdup(request->format);
    self->compress = strdup(request->compress);
    self->platform = strdup(request->platform);
    self->all_platforms = request->all_platforms;
    self->path = *request->path ? strdup(request->path) : NULL;
    self->work.data = self->moved.data = self;
    bool ok = true;
    for (size_t i = 0; ok && i < request->n_references; i++)
        ok = save_name(self, request->references[i], &error) == 0;
    if (!ok || save_connect(self, &error) < 0) {
        rpc_stream_fail(stream, error);
        save_free(self);
        return;
    }
    rpc_stream_set_events(stream, &events, self);
    uv_async_init(worker_loop(self->owner), &self->moved, on_moved);
    self->handles++;
    self->task = worker_task_create(self->owner, "save", self->reference_count ? self->references[0] : "",
                                    NULL, &methods, self);
    uv_queue_work(worker_loop(self->owner), &self->work, run_save, after_save);
}

void worker_open_save(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = on_request};
    rpc_stream_set_events(stream, &events, data);
}
