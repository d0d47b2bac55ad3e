// The QEMU driver: the life of one machine. The process gets everything as descriptors (memory, control,
// console, vsock, and over QMP each disk and card), so it needs no path of ours and no socket of its own.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "core/base/path.h"
#include "core/base/process.h"
#include "vm/qemu_internal.h"
#define LOG_MODULE "qemu"
#include "core/base/log.h"

#define STOP_DEADLINE_MS 2000
#define COMPLAINT_MOST   2048

static void machine_kill(machine *self) {
    if (self->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, self->pidfd, SIGKILL, NULL, 0);
}

// The machine cannot be brought up, or QEMU's control is lost: it ends.
static void machine_fail(machine *self, const holm_error *error) {
    if (self->state == QEMU_STARTING && !self->failed) {
        self->failed = true;
        cleanup_error holm_error *copy = holm_error_copy(error);
        holm_error_wrap(&copy, "start the virtual machine");
        if (self->complaint.length > 0)
            holm_error_hint(&copy, "QEMU says: %s", buffer_text(&self->complaint));
        if (self->events.failed)
            self->events.failed(copy, self->data);
    }
    machine_kill(self);
}

void qemu_problem(machine *self, const holm_error *error) {
    if (self->state >= QEMU_STOPPING)
        return;
    log_warning("%s", holm_error_message(error));
    if (!self->problem)
        self->problem = holm_error_copy(error);
    if (self->state == QEMU_STARTING)
        machine_fail(self, error);
}

void qemu_expect(json_t *result, const holm_error *error, void *data) {
    (void)result;
    if (error && holm_error_code_of(error) != HOLM_ERROR_UNAVAILABLE)
        qemu_problem(data, error);
}

// ---- what comes from the process ----

static void qmp_event(const char *name, json_t *information, void *data) {
    machine *self = data;
    log_debug("event %s", name);
    if (strcmp(name, "SHUTDOWN") == 0) {
        self->guest_ended |= json_is_true(json_object_get(information, "guest"));
    } else if (strcmp(name, "DEVICE_DELETED") == 0) {
        const char *device = json_string_value(json_object_get(information, "device"));
        if (device)
            qemu_device_deleted(self, device);
    }
}

static void qmp_is_lost(const holm_error *error, void *data) {
    machine *self = data;
    // The end of the process tells the rest; this makes sure that it does end.
    if (self->state < QEMU_STOPPING)
        log_info("%s", holm_error_message(error));
    machine_kill(self);
}

static void vsock_is_lost(const holm_error *error, void *data) {
    machine *self = data;
    if (self->state < QEMU_STOPPING)
        log_warning("%s", holm_error_message(error));
}

static void complaints_take(machine *self) {
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

// ---- the agent's sign that it is there ----

static void ready_handle_closed(uv_handle_t *handle);

static void ready_close(machine *self) {
    if (self->ready_fd >= 0 && !uv_is_closing((uv_handle_t *)&self->ready))
        uv_close((uv_handle_t *)&self->ready, ready_handle_closed);
}

static void ready_readable(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    machine *self = poll->data;
    char text[8] = {0};
    // One line of six bytes: it comes in one packet.
    ssize_t got = recv(self->ready_fd, text, sizeof text - 1, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    ready_close(self);
    if (got < 6 || strncmp(text, "ready\n", 6) != 0 || self->said_ready || self->state >= QEMU_STOPPING)
        return;
    self->said_ready = true;
    self->state = QEMU_RUNNING;
    if (self->events.ready)
        self->events.ready(self->data);
}

static void ready_accepted(int fd, uint32_t port, void *data) {
    (void)port;
    machine *self = data;
    if (self->said_ready || self->ready_fd >= 0 || uv_poll_init(self->loop, &self->ready, fd) < 0) {
        close(fd);
        return;
    }
    self->ready.data = self;
    self->ready_fd = fd;
    self->closing++;
    uv_poll_start(&self->ready, UV_READABLE, ready_readable);
}

// ---- the end ----

static void machine_free(machine *self) {
    if (!self->destroyed || self->closing > 0)
        return;
    guest_memory_finish(&self->memory);
    buffer_finish(&self->complaint);
    holm_error_free(self->problem);
    free(self->program);
    free(self->kernel);
    free(self->initramfs);
    free(self->kernel_arguments);
    free(self->runtime_directory);
    free(self->boot_log);
    free(self->template_directory);
    free(self);
}

static void handle_closed(uv_handle_t *handle) {
    machine *self = handle->data;
    self->closing--;
    machine_free(self);
}

static void ready_handle_closed(uv_handle_t *handle) {
    machine *self = handle->data;
    close(steal_fd(&self->ready_fd));
    handle_closed(handle);
}

static void machine_let_go(machine *self) {
    vsock_gate_destroy(steal_pointer(&self->gate));
    vsock_gate_destroy(steal_pointer(&self->agent_gate));
    vsock_destroy(steal_pointer(&self->vsock));
    qmp_destroy(steal_pointer(&self->qmp));
    qemu_devices_finish(self);
    console_destroy(steal_pointer(&self->console));
    ready_close(self);
    uv_close((uv_handle_t *)&self->end, handle_closed);
    uv_close((uv_handle_t *)&self->deadline, handle_closed);
    uv_close((uv_handle_t *)&self->complaints, handle_closed);
    close(steal_fd(&self->pidfd));
    close(steal_fd(&self->complaints_fd));
}

static void process_ended(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    machine *self = poll->data;
    uv_poll_stop(&self->end);
    int code = process_wait(self->pidfd);
    console_drain(self->console);
    complaints_take(self);
    log_info("QEMU has ended with %d", code);
    machine_end end = self->state == QEMU_STOPPING ? MACHINE_END_STOPPED
                      : self->guest_ended          ? MACHINE_END_GUEST
                                                   : MACHINE_END_LOST;
    if (self->state == QEMU_STARTING && !self->failed) {
        cleanup_error holm_error *error = NULL;
        holm_error_set(&error, HOLM_ERROR_UNAVAILABLE,
                       self->guest_ended ? "the guest ended before its agent was there (see the boot log %s)"
                                         : "QEMU ended by itself (boot log: %s)",
                       self->boot_log ? self->boot_log : "none");
        machine_fail(self, error);
    }
    self->state = QEMU_CLOSED;
    self->pid = 0;
    machine_let_go(self);
    if (self->events.closed)
        self->events.closed(end, self->data);
}

static void stop_is_late(uv_timer_t *timer) {
    machine_kill(timer->data);
}

static void qemu_stop(machine *self) {
    if (self->state == QEMU_CREATED || self->state >= QEMU_STOPPING)
        return;
    self->state = QEMU_STOPPING;
    qmp_execute(self->qmp, "quit", NULL, -1, NULL, NULL);
    uv_timer_start(&self->deadline, stop_is_late, STOP_DEADLINE_MS, 0);
}

// ---- the beginning ----

static machine *qemu_create(uv_loop_t *loop, const machine_configuration *from, const machine_events *events,
                            void *data, holm_error **error) {
    if (from->cpus == 0 || from->memory_bytes == 0 || from->memory_bytes % (1U << 20) ||
        from->context_id < 3 || !from->kernel || !from->initramfs || !from->runtime_directory) {
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "a machine needs processors, whole MiB of memory, a kernel, an "
                       "initramfs, a runtime folder and a context id above 2");
        return NULL;
    }
    machine *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (machine){.loop = loop,
                      .events = *events,
                      .data = data,
                      .cpus = from->cpus,
                      .memory_bytes = from->memory_bytes,
                      .accelerator = from->accelerator,
                      .confine = from->confine,
                      .context_id = from->context_id,
                      .memory = {.fd = -1},
                      .pidfd = -1,
                      .ready_fd = -1,
                      .complaints_fd = -1,
                      .next_set = 1};
    self->program = qemu_program();
    self->kernel = strdup(from->kernel);
    self->initramfs = strdup(from->initramfs);
    self->runtime_directory = strdup(from->runtime_directory);
    self->kernel_arguments = from->kernel_arguments ? strdup(from->kernel_arguments) : NULL;
    self->boot_log = from->boot_log ? strdup(from->boot_log) : NULL;
    self->template_directory = from->template_directory ? strdup(from->template_directory) : NULL;
    if (guest_memory_init(&self->memory, self->memory_bytes, error) < 0) {
        self->destroyed = true;
        machine_free(self);
        return NULL;
    }
    return self;
}

typedef struct sockets {
    int ours[3], theirs[3]; // QMP, console, vsock
    int complaints[2];
} sockets;

static void sockets_finish(sockets *self) {
    for (int i = 0; i < 3; i++) {
        if (self->ours[i] >= 0)
            close(self->ours[i]);
        if (self->theirs[i] >= 0)
            close(self->theirs[i]);
    }
    for (int i = 0; i < 2; i++)
        if (self->complaints[i] >= 0)
            close(self->complaints[i]);
}

static int sockets_make(sockets *self, holm_error **error) {
    *self = (sockets){{-1, -1, -1}, {-1, -1, -1}, {-1, -1}};
    for (int i = 0; i < 3; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
            holm_error_set_errno(error, errno, "make the machine's sockets");
            return -1;
        }
        self->ours[i] = pair[0];
        self->theirs[i] = pair[1];
    }
    if (pipe2(self->complaints, O_CLOEXEC | O_NONBLOCK) < 0) {
        holm_error_set_errno(error, errno, "make the machine's sockets");
        return -1;
    }
    return 0;
}

static int spawn(machine *self, const sockets *pairs, holm_error **error) {
    char **arguments = qemu_command_make(self);
    cleanup(confine_cleanup) confine *confinement = self->confine ? qemu_confine(self) : NULL;
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
    const process_fd fds[] = {{pairs->complaints[1], 2},
                              {self->memory.fd, QEMU_FD_MEMORY},
                              {pairs->theirs[0], QEMU_FD_QMP},
                              {pairs->theirs[1], QEMU_FD_CONSOLE},
                              {pairs->theirs[2], QEMU_FD_VSOCK}};
    process_options options = {.argv = (const char *const *)arguments,
                               .envp = environment,
                               .fds = fds,
                               .fd_count = array_length(fds),
                               .directory = "/",
                               .die_with_parent = true,
                               .new_session = true,
                               .before_exec = confinement ? confine_before_exec : NULL,
                               .before_exec_data = confinement};
    int failed = process_spawn(&options, &self->pid, &self->pidfd, error);
    qemu_command_free(arguments);
    if (failed)
        holm_error_hint(error, "install QEMU (Debian: apt install qemu-system-x86), or name it in HOLM_QEMU");
    return failed;
}

// From here on the process is there, and its end is what ends the machine.
static void watch(machine *self, sockets *pairs) {
    uv_poll_init(self->loop, &self->end, self->pidfd);
    uv_timer_init(self->loop, &self->deadline);
    self->complaints_fd = steal_fd(&pairs->complaints[0]);
    uv_poll_init(self->loop, &self->complaints, self->complaints_fd);
    self->end.data = self->deadline.data = self->complaints.data = self;
    self->closing += 3;
    uv_poll_start(&self->end, UV_READABLE, process_ended);
    uv_poll_start(&self->complaints, UV_READABLE, complaints_ready);
}

static int open_gates(machine *self, holm_error **error) {
    cleanup_free char *path = path_join(self->runtime_directory, "vsock.sock", NULL);
    cleanup_free char *agent = path_join(self->runtime_directory, "agent.sock", NULL);
    self->gate = vsock_gate_create(self->loop, self->vsock, path, 0, error);
    self->agent_gate =
        self->gate ? vsock_gate_create(self->loop, self->vsock, agent, QEMU_AGENT_PORT, error) : NULL;
    return self->agent_gate ? 0 : -1;
}

static int connect_all(machine *self, sockets *pairs, holm_error **error) {
    static const qmp_events events = {qmp_event, qmp_is_lost};
    self->qmp = qmp_create(self->loop, steal_fd(&pairs->ours[0]), &events, self, error);
    self->console =
        self->qmp ? console_create(self->loop, steal_fd(&pairs->ours[1]), self->boot_log, NULL, NULL, error)
                  : NULL;
    self->vsock = self->console ? vsock_create(self->loop, steal_fd(&pairs->ours[2]), &self->memory,
                                               self->context_id, vsock_is_lost, self, error)
                                : NULL;
    if (!self->vsock)
        return -1;
    vsock_listen(self->vsock, QEMU_AGENT_PORT, ready_accepted, self, NULL);
    return open_gates(self, error);
}

static void bring_up(machine *self) {
    char slot[8];
    snprintf(slot, sizeof slot, "0x%x", QEMU_SLOT_VSOCK);
    qmp_execute(self->qmp, "device_add",
                json_pack("{s:s, s:s, s:s, s:s}", "driver", "vhost-user-vsock-pci", "id", "vsock", "chardev",
                          "vsock", "addr", slot),
                -1, qemu_expect, self);
    qemu_plug_all(self);
    qmp_execute(self->qmp, "cont", NULL, -1, qemu_expect, self);
}

static void machine_unwind(machine *self) {
    vsock_gate_destroy(steal_pointer(&self->gate));
    vsock_gate_destroy(steal_pointer(&self->agent_gate));
    vsock_destroy(steal_pointer(&self->vsock));
    qmp_destroy(steal_pointer(&self->qmp));
    console_destroy(steal_pointer(&self->console));
}

static int qemu_start(machine *self, holm_error **error) {
    if (self->state != QEMU_CREATED) {
        holm_error_set(error, HOLM_ERROR_STATE, "the machine was started already");
        return -1;
    }
    cleanup(sockets_finish) sockets pairs;
    if (sockets_make(&pairs, error) < 0)
        return -1;
    if (connect_all(self, &pairs, error) < 0 || spawn(self, &pairs, error) < 0) {
        machine_unwind(self);
        return -1;
    }
    self->state = QEMU_STARTING;
    watch(self, &pairs);
    bring_up(self);
    return 0;
}

// ---- the rest of the driver's slots ----

typedef struct dialled {
    machine_connected done;
    void *data;
} dialled;

static void dial_done(int fd, uint32_t host_port, const holm_error *error, void *data) {
    cleanup_free dialled *self = data;
    (void)host_port;
    self->done(fd, error, self->data);
}

static int refuse_without_guest(const machine *self, holm_error **error) {
    if (self->vsock && self->state < QEMU_STOPPING)
        return 0;
    holm_error_set(error, HOLM_ERROR_STATE, "the machine is not running");
    return -1;
}

static void qemu_connect(machine *self, uint32_t port, machine_connected done, void *data) {
    cleanup_error holm_error *error = NULL;
    if (refuse_without_guest(self, &error) < 0) {
        done(-1, error, data);
        return;
    }
    dialled *asked = malloc(sizeof *asked);
    if (!asked)
        abort();
    *asked = (dialled){done, data};
    vsock_dial(self->vsock, port, -1, dial_done, asked);
}

static int qemu_listen(machine *self, uint32_t port, machine_accepted accepted, void *data,
                       holm_error **error) {
    if (refuse_without_guest(self, error) < 0)
        return -1;
    if (port == QEMU_AGENT_PORT) {
        holm_error_set(error, HOLM_ERROR_IN_USE, "port %d is the machine's own", QEMU_AGENT_PORT);
        return -1;
    }
    return vsock_listen(self->vsock, port, accepted, data, error);
}

typedef struct asked {
    machine *machine;
    machine_done done;
    void *data;
} asked;

static void asked_answered(json_t *result, const holm_error *error, void *data) {
    cleanup_free asked *self = data;
    (void)result;
    if (self->done)
        self->done(error, self->data);
}

static void ask_with(machine *self, const char *command, json_t *arguments, qmp_reply reply,
                     machine_done done, void *data) {
    cleanup_error holm_error *error = NULL;
    if (refuse_without_guest(self, &error) < 0) {
        json_decref(arguments);
        if (done)
            done(error, data);
        return;
    }
    asked *one = malloc(sizeof *one);
    if (!one)
        abort();
    *one = (asked){self, done, data};
    qmp_execute(self->qmp, command, arguments, -1, reply, one);
}

static void ask(machine *self, const char *command, json_t *arguments, machine_done done, void *data) {
    ask_with(self, command, arguments, asked_answered, done, data);
}

static void settled(json_t *result, const holm_error *error, void *data) {
    cleanup_free asked *self = data;
    (void)result;
    cleanup_error holm_error *problem = steal_pointer(&self->machine->problem);
    if (self->done)
        self->done(problem ? problem : error, self->data);
}

// Commands are answered in their order, so this one's answer means that all before it were.
static void qemu_settle(machine *self, machine_done done, void *data) {
    ask_with(self, "query-status", NULL, settled, done, data);
}

static void qemu_pause(machine *self, machine_done done, void *data) {
    ask(self, "stop", NULL, done, data);
}

static void qemu_resume(machine *self, machine_done done, void *data) {
    ask(self, "cont", NULL, done, data);
}

static void qemu_set_memory(machine *self, uint64_t bytes, machine_done done, void *data) {
    if (bytes > self->memory_bytes)
        bytes = self->memory_bytes;
    ask(self, "balloon", json_pack("{s:I}", "value", (json_int_t)bytes), done, data);
}

static pid_t qemu_pid(const machine *self) {
    return self->pid;
}

static uint64_t qemu_memory_blocks(const machine *self) {
    return guest_memory_blocks(&self->memory);
}

static void qemu_destroy(machine *self) {
    if (!self)
        return;
    qemu_devices_finish(self);
    self->destroyed = true;
    machine_free(self);
}

const machine_driver machine_qemu = {
    .name = "qemu",
    .create = qemu_create,
    .add_disk = qemu_add_disk,
    .add_card = qemu_add_card,
    .remove_device = qemu_remove_device,
    .device_slot = qemu_device_slot,
    .start = qemu_start,
    .settle = qemu_settle,
    .connect = qemu_connect,
    .listen = qemu_listen,
    .pause = qemu_pause,
    .resume = qemu_resume,
    .set_memory = qemu_set_memory,
    .stop = qemu_stop,
    .pid = qemu_pid,
    .memory_blocks = qemu_memory_blocks,
    .destroy = qemu_destroy,
};
