// Who makes the template: a program of its own (holm-template), so that it can go on after this machine has
// ended. It is started before the process confines itself, waits for one byte, and only then does anything;
// the byte is sent when this machine has booted. When the pipe closes first, it ends.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/base/path.h"
#include "core/base/process.h"
#include "vm/qemu_internal.h"
#define LOG_MODULE "template"
#include "core/base/log.h"

struct qemu_maker {
    uv_poll_t end;
    int pidfd, pipe;
};

// Beside the running program (libexec/holm), or as HOLM_TEMPLATE_MAKER says.
static char *maker_program(void) {
    const char *named = getenv("HOLM_TEMPLATE_MAKER");
    char own[PATH_MAX];
    ssize_t length = named ? -1 : readlink("/proc/self/exe", own, sizeof own - 1);
    if (length < 0)
        return strdup(named ? named : "holm-template");
    own[length] = 0;
    *strrchr(own, '/') = 0;
    return path_join(own, "holm-template", NULL);
}

static void maker_closed(uv_handle_t *handle) {
    qemu_maker *self = handle->data;
    close(self->pidfd);
    cleanup_close_fd(&self->pipe);
    free(self);
}

static void maker_ended(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    qemu_maker *self = poll->data;
    uv_poll_stop(poll);
    log_info("holm-template has ended with %d", process_wait(self->pidfd));
}

static int maker_spawn(const machine *self, int pipe_end, int *pidfd, holm_error **error) {
    cleanup_free char *program = maker_program();
    cleanup_free char *cpus = path_format("%u", self->cpus);
    cleanup_free char *memory = path_format("%llu", (unsigned long long)self->memory_bytes);
    cleanup_free char *devices = qemu_devices_describe(self);
    const char *const arguments[] = {program,
                                     self->template_directory,
                                     self->kernel,
                                     self->initramfs,
                                     cpus,
                                     memory,
                                     self->accelerator == MACHINE_KVM ? "kvm" : "emulation",
                                     self->confined ? "confined" : "open",
                                     devices,
                                     self->kernel_arguments,
                                     NULL};
    const process_fd fds[] = {{pipe_end, 0}};
    process_options options = {
        .argv = arguments, .fds = fds, .fd_count = array_length(fds), .directory = "/", .new_session = true};
    return process_spawn(&options, NULL, pidfd, error);
}

void qemu_maker_start(machine *self) {
    int ends[2], pidfd;
    cleanup_error holm_error *error = NULL;
    if (self->maker || pipe2(ends, O_CLOEXEC) < 0)
        return;
    cleanup_close int reading = ends[0], writing = ends[1];
    if (maker_spawn(self, reading, &pidfd, &error) < 0) {
        log_warning("no template will be made: %s", holm_error_message(error));
        return;
    }
    qemu_maker *one = calloc(1, sizeof *one);
    if (!one || uv_poll_init(self->loop, &one->end, pidfd) < 0)
        abort();
    one->end.data = one;
    one->pidfd = pidfd;
    one->pipe = steal_fd(&writing);
    uv_poll_start(&one->end, UV_READABLE, maker_ended);
    self->maker = one;
}

void qemu_maker_tell(machine *self) {
    if (!self->maker)
        return;
    if (write(self->maker->pipe, "m", 1) != 1)
        log_warning("holm-template is gone");
    close(steal_fd(&self->maker->pipe));
}

void qemu_maker_let_go(machine *self) {
    // What was told to make one goes on; nobody waits for it then but init.
    if (self->maker)
        uv_close((uv_handle_t *)&steal_pointer(&self->maker)->end, maker_closed);
}
