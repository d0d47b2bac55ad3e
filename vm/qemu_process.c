#include "vm/qemu_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "core/base/buffer.h"
#include "core/base/process.h"
#define LOG_MODULE "qemu"
#include "core/base/log.h"

#define COMPLAINT_MOST 2048

struct qemu_process {
    uv_poll_t end;
    uv_timer_t deadline;
    uv_poll_t complaints;
    int pidfd, complaints_fd;
    pid_t pid;
    buffer complaint;
    unsigned closing; ///< handles that libuv still has
    void (*ended)(int code, void *data);
    void *data;
};

void qemu_links_close(qemu_links *self) {
    int *all[] = {&self->qmp, &self->console, &self->vsock};
    for (size_t i = 0; i < array_length(all); i++)
        if (*all[i] >= 0)
            close(steal_fd(all[i]));
}

static void complaints_take(qemu_process *self) {
    char bytes[1024];
    ssize_t got = read(self->complaints_fd, bytes, sizeof bytes);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            uv_poll_stop(&self->complaints);
        return;
    }
    log_warning("QEMU: %.*s", (int)got, bytes);
    buffer_append(&self->complaint, bytes, (size_t)got);
    if (self->complaint.length > COMPLAINT_MOST)
        buffer_consume(&self->complaint, self->complaint.length - COMPLAINT_MOST);
}

static void complaints_ready(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    complaints_take(poll->data);
}

static void handle_closed(uv_handle_t *handle) {
    qemu_process *self = handle->data;
    if (--self->closing > 0)
        return;
    close(self->pidfd);
    close(self->complaints_fd);
    buffer_finish(&self->complaint);
    free(self);
}

static void handles_close(qemu_process *self) {
    uv_close((uv_handle_t *)&self->end, handle_closed);
    uv_close((uv_handle_t *)&self->deadline, handle_closed);
    uv_close((uv_handle_t *)&self->complaints, handle_closed);
}

static void process_ended(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    qemu_process *self = poll->data;
    uv_poll_stop(&self->end);
    int code = process_wait(self->pidfd);
    self->pid = 0;
    complaints_take(self);
    log_info("QEMU has ended with %d", code);
    if (self->ended)
        self->ended(code, self->data);
    else
        handles_close(self);
}

static void is_late(uv_timer_t *timer) {
    qemu_process_kill(timer->data);
}

typedef struct ends {
    int ours, theirs;
} ends;

static void ends_close(const ends *self) {
    cleanup_close_fd(&self->ours);
    cleanup_close_fd(&self->theirs);
}

static int ends_make(ends *self, holm_error **error) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        holm_error_set_errno(error, errno, "make the machine's sockets");
        return -1;
    }
    *self = (ends){pair[0], pair[1]};
    return 0;
}

static int pipe_make(ends *self, holm_error **error) {
    int pair[2];
    if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0) {
        holm_error_set_errno(error, errno, "make the machine's sockets");
        return -1;
    }
    *self = (ends){pair[0], pair[1]};
    return 0;
}

// From here on the process is there; only its end is the end.
static qemu_process *process_watch(uv_loop_t *loop, pid_t pid, int pidfd, int complaints_fd) {
    qemu_process *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->pid = pid;
    self->pidfd = pidfd;
    self->complaints_fd = complaints_fd;
    self->end.data = self->deadline.data = self->complaints.data = self;
    // These cannot fail but for memory: both descriptors can be polled, and are new to the loop.
    if (uv_poll_init(loop, &self->end, pidfd) < 0 || uv_timer_init(loop, &self->deadline) < 0 ||
        uv_poll_init(loop, &self->complaints, complaints_fd) < 0)
        abort();
    self->closing = 3;
    uv_poll_start(&self->end, UV_READABLE, process_ended);
    uv_poll_start(&self->complaints, UV_READABLE, complaints_ready);
    return self;
}

qemu_process *qemu_process_start(uv_loop_t *loop, char *const *arguments, int memory_fd,
                                 const confine *confinement, qemu_links *links,
                                 void (*ended)(int code, void *data), void *data, holm_error **error) {
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
    cleanup(ends_close) ends qmp = {-1, -1}, console = {-1, -1}, vsock = {-1, -1}, complaints = {-1, -1};
    if (ends_make(&qmp, error) < 0 || ends_make(&console, error) < 0 || ends_make(&vsock, error) < 0 ||
        pipe_make(&complaints, error) < 0)
        return NULL;
    const process_fd fds[] = {{complaints.theirs, 2},
                              {memory_fd, QEMU_FD_MEMORY},
                              {qmp.theirs, QEMU_FD_QMP},
                              {console.theirs, QEMU_FD_CONSOLE},
                              {vsock.theirs, QEMU_FD_VSOCK}};
    process_options options = {.argv = (const char *const *)arguments,
                               .envp = environment,
                               .fds = fds,
                               .fd_count = array_length(fds),
                               .directory = "/",
                               .die_with_parent = true,
                               .new_session = true,
                               .hold_signals = true,
                               .before_exec = confinement ? confine_before_exec : NULL,
                               .before_exec_data = (void *)confinement};
    pid_t pid;
    int pidfd;
    if (process_spawn(&options, &pid, &pidfd, error) < 0) {
        holm_error_hint(error, "install QEMU (Debian: apt install qemu-system-x86), or name it in HOLM_QEMU");
        return NULL;
    }
    qemu_process *self = process_watch(loop, pid, pidfd, steal_fd(&complaints.ours));
    self->ended = ended;
    self->data = data;
    *links = (qemu_links){steal_fd(&qmp.ours), steal_fd(&console.ours), steal_fd(&vsock.ours)};
    return self;
}

pid_t qemu_process_pid(const qemu_process *self) {
    return self->pid;
}

void qemu_process_kill(qemu_process *self) {
    if (self->pid > 0)
        syscall(SYS_pidfd_send_signal, self->pidfd, SIGKILL, NULL, 0);
}

void qemu_process_end_within(qemu_process *self, unsigned milliseconds) {
    uv_timer_start(&self->deadline, is_late, milliseconds, 0);
}

void qemu_process_end_never(qemu_process *self) {
    uv_timer_stop(&self->deadline);
}

const char *qemu_process_complaint(const qemu_process *self) {
    return buffer_text(&self->complaint);
}

void qemu_process_destroy(qemu_process *self) {
    if (!self)
        return;
    self->ended = NULL;
    if (self->pid > 0)
        qemu_process_kill(self); // and it is freed when it has ended
    else
        handles_close(self);
}
