#include "core/holm_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ERROR_MOST 8192
#define FDS_MOST   8

int holm_helper_start(holm_helper *self, const char *const *argv, const process_fd *fds, size_t count,
                      holm_error **error) {
    int errors[2];
    process_fd all[FDS_MOST];
    if (pipe2(errors, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe");
        return -1;
    }
    self->errors = errors[0];
    cleanup_close int theirs = errors[1];
    memcpy(all, fds, count * sizeof *fds);
    all[count] = (process_fd){theirs, 2};
    const process_options options = {
        .argv = argv, .envp = (const char *const[]){NULL}, .fds = all, .fd_count = count + 1};
    return process_spawn(&options, NULL, &self->pidfd, error);
}

int holm_helper_read(int fd, size_t most, buffer *out) {
    char piece[65536];
    ssize_t length;
    while ((length = read(fd, piece, sizeof piece)) != 0) {
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0 || out->length + (size_t)length > most)
            return -1;
        buffer_append(out, piece, (size_t)length);
    }
    return 0;
}

int holm_helper_wait(holm_helper *self, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    holm_helper_read(self->errors, ERROR_MOST, &text);
    int code = process_wait(self->pidfd);
    close(steal_fd(&self->pidfd));
    if (code == 0)
        return 0;
    char *rest = (char *)buffer_text(&text), *name = strsep(&rest, "\n"), *message = strsep(&rest, "\n");
    char *hint = strsep(&rest, "\n");
    if (message && *message) {
        cleanup_free char *safe = holm_text_escape(message, strlen(message));
        holm_error_set(error, holm_error_code_parse(name), "%s", safe);
    } else if (code == 128 + SIGPIPE) {
        holm_error_set_errno(error, EPIPE, "write the output");
    } else {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a helper of holm ended with code %d", code);
    }
    if (hint && *hint)
        holm_error_hint(error, "%s", hint);
    return -1;
}

void holm_helper_finish(holm_helper *self) {
    if (self->pidfd >= 0) {
        syscall(SYS_pidfd_send_signal, self->pidfd, SIGKILL, NULL, 0);
        process_wait(self->pidfd);
        close(steal_fd(&self->pidfd));
    }
    if (self->errors >= 0)
        close(steal_fd(&self->errors));
}
