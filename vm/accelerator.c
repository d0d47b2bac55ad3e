// Whether KVM runs our kernel. Opening /dev/kvm says little: under some nested hypervisors a stock kernel
// ends in an internal error. So a machine is run, briefly and without a loop: it gets our kernel and a
// console, and what counts is that the guest prints something before the deadline.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/base/process.h"
#include "vm/qemu_internal.h"
#define LOG_MODULE "accelerator"
#include "core/base/log.h"

#define DEADLINE_MS 1900

static const char because_chosen[] = "HOLM_ACCELERATOR says so";
static const char because_none[] = "/dev/kvm is not there or may not be opened";
static const char because_runs[] = "a test machine ran under KVM";
static const char because_fails[] = "a test machine did not run under KVM here (as in some nested machines)";

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- the test machine ----

typedef struct probe {
    int pidfd, console, complaints;
    bool printed, complained;
} probe;

static int probe_spawn(const char *program, const char *kernel, const int *serial, const int *complaints,
                       int *pidfd, holm_error **error) {
    const char *const arguments[] = {program,
                                     "-M",
                                     "pc",
                                     "-accel",
                                     "kvm",
                                     "-cpu",
                                     "host",
                                     "-m",
                                     "128M",
                                     "-nodefaults",
                                     "-no-user-config",
                                     "-no-reboot",
                                     "-display",
                                     "none",
                                     "-chardev",
                                     "socket,id=console,fd=3",
                                     "-serial",
                                     "chardev:console",
                                     "-kernel",
                                     kernel,
                                     "-append",
                                     "console=ttyS0 panic=-1 acpi=off pci=conf1",
                                     NULL};
    const process_fd fds[] = {{complaints[1], 2}, {serial[1], 3}};
    process_options options = {.argv = arguments,
                               .fds = fds,
                               .fd_count = array_length(fds),
                               .directory = "/",
                               .die_with_parent = true,
                               .new_session = true};
    return process_spawn(&options, NULL, pidfd, error);
}

static void probe_read(probe *self, int fd, bool *seen) {
    char bytes[1024];
    ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    *seen |= got > 0;
    // Under "KVM internal error" QEMU does not end, it only stops.
    if (fd == self->complaints && got > 0 && memmem(bytes, (size_t)got, "KVM internal error", 18))
        self->complained = true;
}

// Waits until the machine has ended, has complained, or the deadline is there. True: the guest ran to its end
// (there is nothing to start in it, so it panics, which ends the machine).
static bool probe_watch(probe *self) {
    int64_t end = now_ms() + DEADLINE_MS;
    bool ignored = false;
    for (;;) {
        struct pollfd fds[] = {{self->pidfd, POLLIN, 0},
                               {self->printed ? -1 : self->console, POLLIN, 0},
                               {self->complaints, POLLIN, 0}};
        int64_t left = end - now_ms();
        int ready = left > 0 ? poll(fds, array_length(fds), (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        if (fds[1].revents)
            probe_read(self, self->console, &self->printed);
        if (fds[2].revents)
            probe_read(self, self->complaints, &ignored);
        if (self->complained)
            return false;
        if (fds[0].revents)
            return true;
        if (fds[1].revents & POLLHUP || fds[2].revents & POLLHUP)
            end = end < now_ms() + 100 ? end : now_ms() + 100; // it is about to end
    }
}

static bool probe_run(const char *program, const char *kernel) {
    int serial[2], complaints[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, serial) < 0)
        return false;
    cleanup_close int serial_ours = serial[0], serial_theirs = serial[1];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, complaints) < 0)
        return false;
    cleanup_close int complaints_ours = complaints[0], complaints_theirs = complaints[1];
    cleanup_error holm_error *error = NULL;
    cleanup_close int pidfd = -1;
    if (probe_spawn(program, kernel, serial, complaints, &pidfd, &error) < 0) {
        log_info("%s", holm_error_message(error));
        return false;
    }
    close(steal_fd(&serial_theirs));
    close(steal_fd(&complaints_theirs));
    probe self = {.pidfd = pidfd, .console = serial_ours, .complaints = complaints_ours};
    bool ended = probe_watch(&self);
    if (!ended)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    int code = process_wait(pidfd);
    if (!self.printed)
        probe_read(&self, serial_ours, &self.printed);
    return ended && code == 0 && self.printed;
}

// ---- what is remembered ----

static void append_identity(buffer *out, const char *path) {
    struct stat status = {0};
    if (stat(path, &status) < 0)
        status = (struct stat){0};
    // Not by its path: one file is found by several.
    buffer_append_format(out, "%llu:%llu %lld %lld.%09ld\n", (unsigned long long)status.st_dev,
                         (unsigned long long)status.st_ino, (long long)status.st_size,
                         (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

// Until the next boot, and for this kernel and this QEMU.
static void make_key(buffer *out, const char *program, const char *kernel) {
    cleanup_buffer buffer boot = BUFFER_INIT;
    file_read("/proc/sys/kernel/random/boot_id", 64, &boot, NULL);
    buffer_append_format(out, "2 %s", buffer_text(&boot));
    append_identity(out, program);
    append_identity(out, kernel);
}

machine_accelerator machine_accelerator_probe(const char *cache_directory, const char *kernel,
                                              const char **why) {
    const char *ignored;
    why = why ? why : &ignored;
    const char *chosen = getenv("HOLM_ACCELERATOR");
    if (chosen && *chosen) {
        *why = because_chosen;
        return strcmp(chosen, "kvm") == 0 ? MACHINE_KVM : MACHINE_EMULATION;
    }
    cleanup_close int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0) {
        *why = because_none;
        return MACHINE_EMULATION;
    }
    cleanup_free char *program = qemu_program();
    cleanup_free char *path = path_join(cache_directory, "accelerator", NULL);
    cleanup_buffer buffer key = BUFFER_INIT, known = BUFFER_INIT;
    make_key(&key, program, kernel);
    bool remembered = file_read(path, 65536, &known, NULL) == 0 && known.length == key.length + 2 &&
                      memcmp(known.data + 2, key.data, key.length) == 0;
    bool runs = remembered ? known.data[0] == 'k' : probe_run(program, kernel);
    if (!remembered) {
        cleanup_buffer buffer record = BUFFER_INIT;
        cleanup_error holm_error *error = NULL;
        buffer_append_text(&record, runs ? "k\n" : "e\n");
        buffer_append(&record, key.data, key.length);
        if (file_write(path, record.data, record.length, &error) < 0)
            log_warning("%s", holm_error_message(error));
    }
    *why = runs ? because_runs : because_fails;
    return runs ? MACHINE_KVM : MACHINE_EMULATION;
}
