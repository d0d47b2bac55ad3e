#include "tests/vm/machine/guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/log.h"
#include "core/base/path.h"

double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void on_ready(void *data) {
    guest *self = data;
    self->ready = true;
    self->ready_ms = now_ms();
}

static void on_failed(const holm_error *error, void *data) {
    guest *self = data;
    snprintf(self->problem, sizeof self->problem, "%s (%s)", holm_error_message(error),
             holm_error_hint_of(error) ? holm_error_hint_of(error) : "no hint");
}

static void on_closed(machine_end end, void *data) {
    guest *self = data;
    self->closed = true;
    self->end = end;
}

static char initramfs[64]; // one for the whole run: templates know it by its file

static void remove_initramfs(void) {
    unlink(initramfs);
}

const char *initramfs_path(void) {
    if (!*initramfs) {
        snprintf(initramfs, sizeof initramfs, "/tmp/holm-vm-test-%d.initramfs", (int)getpid());
        initramfs_write(initramfs);
        atexit(remove_initramfs);
    }
    return initramfs;
}

const char *kernel_path(void) {
    static char path[256];
    if (getenv("HOLM_TEST_KERNEL"))
        return getenv("HOLM_TEST_KERNEL");
    const char *cache = getenv("XDG_CACHE_HOME");
    snprintf(path, sizeof path, "%s%s/holm/kernel/x86_64/vmlinux", cache ? cache : getenv("HOME"),
             cache ? "" : "/.cache");
    return path;
}

void guest_create(guest *self, unsigned cpus, unsigned memory_mib, const char *templates) {
    memset(self, 0, sizeof *self);
    uv_loop_init(&self->loop);
    strcpy(self->directory, "/tmp/holm-vm-test-XXXXXX");
    if (!mkdtemp(self->directory))
        abort();
    snprintf(self->log, sizeof self->log, "%s/boot.log", self->directory);
    machine_configuration configuration = {.cpus = cpus,
                                           .memory_bytes = (uint64_t)memory_mib << 20,
                                           .accelerator = MACHINE_EMULATION,
                                           .kernel = kernel_path(),
                                           .initramfs = initramfs_path(),
                                           .kernel_arguments = getenv("HOLM_TEST_ARGUMENTS"),
                                           .runtime_directory = self->directory,
                                           .boot_log = self->log,
                                           .context_id = 42,
                                           .template_directory = templates,
                                           .confine = !getenv("HOLM_TEST_OPEN")};
    machine_events events = {.ready = on_ready, .failed = on_failed, .closed = on_closed};
    holm_error *error = NULL;
    if (getenv("HOLM_TEST_DEBUG"))
        log_init(2, LOG_LEVEL_DEBUG);
    self->machine = machine_qemu.create(&self->loop, &configuration, &events, self, &error);
    if (!self->machine) {
        snprintf(self->problem, sizeof self->problem, "%s", holm_error_message(error));
        holm_error_free(error);
    }
}

static void on_late(uv_timer_t *timer) {
    guest *self = timer->data;
    snprintf(self->problem, sizeof self->problem, "nothing happened for 30 seconds");
    self->closed = true;
}

void guest_wait(guest *self, const bool *flag) {
    uv_timer_t deadline;
    uv_timer_init(&self->loop, &deadline);
    deadline.data = self;
    uv_timer_start(&deadline, on_late, 30000, 0);
    while (!*flag && !self->closed)
        uv_run(&self->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&deadline, NULL);
    uv_run(&self->loop, UV_RUN_NOWAIT);
}

void guest_start(guest *self) {
    holm_error *error = NULL;
    self->started_ms = now_ms();
    if (machine_qemu.start(self->machine, &error) < 0) {
        snprintf(self->problem, sizeof self->problem, "%s", holm_error_message(error));
        holm_error_free(error);
        self->closed = true;
        return;
    }
    guest_wait(self, &self->ready);
}

typedef struct dial {
    int fd;
    bool done;
} dial;

static void on_connected(int fd, const holm_error *error, void *data) {
    dial *self = data;
    (void)error;
    self->fd = fd;
    self->done = true;
}

int guest_connect(guest *self, unsigned port) {
    dial asked = {.fd = -1};
    machine_qemu.connect(self->machine, port, on_connected, &asked);
    guest_wait(self, &asked.done);
    return asked.fd;
}

typedef struct beside {
    void (*work)(void *data);
    void *data;
    uv_async_t wake;
    bool done;
} beside;

static void on_beside(uv_async_t *wake) {
    ((beside *)wake->data)->done = true;
}

static void run_beside(void *data) {
    beside *self = data;
    self->work(self->data);
    uv_async_send(&self->wake);
}

void guest_run_beside(guest *self, void (*work)(void *data), void *data) {
    beside one = {.work = work, .data = data};
    uv_thread_t thread;
    uv_async_init(&self->loop, &one.wake, on_beside);
    one.wake.data = &one;
    uv_thread_create(&thread, run_beside, &one);
    guest_wait(self, &one.done);
    uv_thread_join(&thread);
    uv_close((uv_handle_t *)&one.wake, NULL);
    uv_run(&self->loop, UV_RUN_NOWAIT);
}

typedef struct asked {
    int fd;
    const char *line;
    char *answer;
    size_t most;
} asked;

static void ask_run(void *data) {
    asked *self = data;
    size_t length = 0;
    ssize_t got;
    dprintf(self->fd, "%s\n", self->line);
    while (length + 1 < self->most &&
           (got = read(self->fd, self->answer + length, self->most - 1 - length)) > 0) {
        length += (size_t)got;
        if (self->answer[length - 1] == '\n')
            break;
    }
    self->answer[length > 0 ? length - 1 : 0] = 0;
}

void guest_command(guest *self, const char *line, char *answer, size_t most) {
    asked one = {guest_connect(self, 5001), line, answer, most};
    snprintf(answer, most, "no connection");
    if (one.fd < 0)
        return;
    struct timeval most_wait = {.tv_sec = 20};
    setsockopt(one.fd, SOL_SOCKET, SO_RCVTIMEO, &most_wait, sizeof most_wait);
    fcntl(one.fd, F_SETFL, 0);
    guest_run_beside(self, ask_run, &one);
    close(one.fd);
}

void guest_destroy(guest *self) {
    if (self->machine) {
        machine_qemu.stop(self->machine);
        while (!self->closed && machine_qemu.pid(self->machine) > 0)
            uv_run(&self->loop, UV_RUN_ONCE);
        machine_qemu.destroy(self->machine);
    }
    uv_run(&self->loop, UV_RUN_DEFAULT);
    uv_loop_close(&self->loop);
    path_remove_tree(self->directory, NULL);
}
