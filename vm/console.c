#include "vm/console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define LOG_MODULE "console"
#include "core/base/file.h"
#include "core/base/log.h"

#define LINE_MOST 256
#define READ_SIZE 16384

struct console {
    uv_poll_t poll;
    int fd;
    int log; ///< -1: none
    void (*line)(const char *text, void *data);
    void *data;
    char text[LINE_MOST + 1];
    size_t length;
    uint64_t head; ///< bytes written of the beginning
    uint64_t tail; ///< bytes behind it
};

static void log_write_all(console *self, const char *bytes, size_t length) {
    if (self->log >= 0 && length > 0 && file_write_all(self->log, bytes, length) < 0) {
        log_warning("the boot log cannot be written: %s", strerror(errno));
        close(steal_fd(&self->log));
    }
}

// The file is head, then tail. When the tail has grown to twice what is kept, its older half is cut out:
// never more than head and two tails on disk, and each byte is written twice at most.
static void tail_cut(console *self) {
    static const char cut[] = "\n[holm: the console printed more than is kept; what follows is its end]\n";
    cleanup_free char *kept = malloc(CONSOLE_TAIL_MOST);
    if (!kept)
        abort();
    ssize_t length =
        pread(self->log, kept, CONSOLE_TAIL_MOST, (off_t)(self->head + self->tail - CONSOLE_TAIL_MOST));
    if (ftruncate(self->log, (off_t)self->head) < 0 || lseek(self->log, (off_t)self->head, SEEK_SET) < 0)
        return;
    log_write_all(self, cut, sizeof cut - 1);
    log_write_all(self, kept, length > 0 ? (size_t)length : 0);
    self->tail = sizeof cut - 1 + (length > 0 ? (size_t)length : 0);
}

static void console_log(console *self, const char *bytes, size_t length) {
    if (self->log < 0)
        return;
    size_t part = length;
    if (part > CONSOLE_HEAD_MOST - self->head)
        part = (size_t)(CONSOLE_HEAD_MOST - self->head);
    log_write_all(self, bytes, part);
    self->head += part;
    if (part == length)
        return;
    if (self->tail + length - part > 2 * CONSOLE_TAIL_MOST)
        tail_cut(self);
    log_write_all(self, bytes + part, length - part);
    self->tail += length - part;
}

static void console_lines(console *self, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '\n') {
            if (self->length < LINE_MOST && bytes[i] != '\r')
                self->text[self->length++] = bytes[i];
            continue;
        }
        self->text[self->length] = 0;
        self->length = 0;
        self->line(self->text, self->data);
    }
}

// One part of what the guest has printed; false when there is no more now.
static bool console_read(console *self) {
    char bytes[READ_SIZE];
    ssize_t got = recv(self->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            uv_poll_stop(&self->poll);
        return false;
    }
    console_log(self, bytes, (size_t)got);
    if (self->line)
        console_lines(self, bytes, (size_t)got);
    return true;
}

static void console_ready(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    console_read(poll->data);
}

console *console_create(uv_loop_t *loop, int fd, const char *log, void (*line)(const char *text, void *data),
                        void *data, holm_error **error) {
    console *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (console){.fd = fd, .log = -1, .line = line, .data = data};
    int failed = 0;
    if (log && (self->log = open(log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
        failed = errno;
    if (failed)
        holm_error_set_errno(error, failed, "open the boot log %s", log);
    else if ((failed = -uv_poll_init(loop, &self->poll, fd)) != 0)
        holm_error_set_errno(error, failed, "watch the console");
    if (failed) {
        if (self->log >= 0)
            close(self->log);
        close(fd);
        free(self);
        return NULL;
    }
    self->poll.data = self;
    uv_poll_start(&self->poll, UV_READABLE, console_ready);
    return self;
}

int console_move_log(console *self, const char *log, holm_error **error) {
    cleanup_close int to = open(log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    cleanup_free char *text = malloc(READ_SIZE);
    off_t at = 0;
    bool written = to >= 0 && text;
    for (ssize_t got; written && self->log >= 0 && (got = pread(self->log, text, READ_SIZE, at)) > 0;
         at += got)
        written = file_write_all(to, text, (size_t)got) == 0;
    if (!written) {
        holm_error_set_errno(error, errno, "open the boot log %s", log);
        return -1;
    }
    if (self->log >= 0)
        close(self->log);
    self->log = steal_fd(&to);
    return 0;
}

void console_type(console *self, const char *text) {
    // The socket takes far more than the few bytes ever typed here.
    if (send(self->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_info("nothing can be typed: %s", strerror(errno));
}

void console_drain(console *self) {
    while (console_read(self))
        continue;
}

static void console_closed(uv_handle_t *handle) {
    console *self = handle->data;
    close(self->fd);
    if (self->log >= 0)
        close(self->log);
    free(self);
}

void console_destroy(console *self) {
    if (self)
        uv_close((uv_handle_t *)&self->poll, console_closed);
}
