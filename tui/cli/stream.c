#include "tui/cli/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK 65536

struct stream {
    int fd;        // ours: non-blocking without harm to those who share the original
    bool pollable; // files are not: they are read and written at once
    int broken;    // the errno of the write that failed, for good; 0: none has
    bool stopped;
    uv_poll_t poll;
    uv_idle_t idle; // reads a file, a chunk each turn of the loop
    stream_input input;
    stream_drained drained;
    void *data;
    buffer queue;
};

// O_NONBLOCK belongs to the open file, which our parent may share: open it anew where that is possible.
static int open_anew(int fd, int flags) {
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -1;
    if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))
        return fcntl(fd, F_DUPFD_CLOEXEC, 3);
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static stream *stream_create(uv_loop_t *loop, int fd, int flags, void *data) {
    stream *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->data = data;
    self->fd = open_anew(fd, flags);
    self->pollable = self->fd >= 0 && uv_poll_init(loop, &self->poll, self->fd) == 0;
    if (!self->pollable)
        uv_idle_init(loop, &self->idle);
    self->poll.data = self->idle.data = self;
    return self;
}

// ---- input ----

static void read_chunk(stream *self) {
    char chunk[CHUNK];
    ssize_t got = read(self->fd, chunk, sizeof chunk);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        stream_stop_reading(self);
    self->input(self, chunk, got > 0 ? (size_t)got : 0, self->data);
}

static void readable(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    read_chunk(poll->data);
}

static void file_turn(uv_idle_t *idle) {
    read_chunk(idle->data);
}

stream *stream_read(uv_loop_t *loop, int fd, stream_input input, void *data) {
    stream *self = stream_create(loop, fd, O_RDONLY, data);
    self->input = input;
    self->stopped = true;
    stream_go_on_reading(self);
    return self;
}

void stream_stop_reading(stream *self) {
    self->stopped = true;
    if (self->pollable)
        uv_poll_stop(&self->poll);
    else
        uv_idle_stop(&self->idle);
}

void stream_go_on_reading(stream *self) {
    if (!self->stopped)
        return;
    self->stopped = false;
    if (self->pollable)
        uv_poll_start(&self->poll, UV_READABLE | UV_DISCONNECT, readable);
    else
        uv_idle_start(&self->idle, file_turn);
}

// ---- output ----

// What the descriptor takes of these bytes now.
static size_t write_some(stream *self, const char *bytes, size_t length) {
    size_t done = 0;
    while (done < length && !self->broken) {
        ssize_t wrote = write(self->fd, bytes + done, length - done);
        if (wrote >= 0)
            done += (size_t)wrote;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            self->broken = errno;
    }
    return self->broken ? length : done;
}

static void writable(uv_poll_t *poll, int status, int events) {
    stream *self = poll->data;
    (void)status, (void)events;
    buffer_consume(&self->queue, write_some(self, (char *)self->queue.data, self->queue.length));
    if (self->queue.length > 0)
        return;
    uv_poll_stop(&self->poll);
    self->drained(self, self->broken, self->data);
}

static void tell_broken(uv_idle_t *idle) {
    stream *self = idle->data;
    uv_idle_stop(idle);
    self->drained(self, self->broken, self->data);
}

stream *stream_open_output(uv_loop_t *loop, int fd, stream_drained drained, void *data) {
    stream *self = stream_create(loop, fd, O_WRONLY, data);
    self->drained = drained;
    return self;
}

bool stream_write(stream *self, const void *bytes, size_t length) {
    if (self->broken)
        return true; // told already, dropped
    size_t done = self->queue.length > 0 ? 0 : write_some(self, bytes, length);
    if (self->broken && !self->pollable)
        uv_idle_start(&self->idle, tell_broken);
    else if (self->broken)
        uv_poll_start(&self->poll, UV_WRITABLE, writable); // tells it from the loop
    if (done == length)
        return !self->broken;
    buffer_append(&self->queue, (const char *)bytes + done, length - done);
    uv_poll_start(&self->poll, UV_WRITABLE, writable);
    return false;
}

bool stream_pending(const stream *self) {
    return self->queue.length > 0;
}

static void stream_free(uv_handle_t *handle) {
    stream *self = handle->data;
    if (self->fd >= 0)
        close(self->fd);
    buffer_finish(&self->queue);
    free(self);
}

void stream_close(stream *self) {
    if (self)
        uv_close(self->pollable ? (uv_handle_t *)&self->poll : (uv_handle_t *)&self->idle, stream_free);
}
