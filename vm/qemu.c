// The QEMU driver: the life of one machine. The process gets everything as descriptors (memory, control,
// console, vsock, and over QMP each disk and card), so it needs no path of ours and no socket of its own.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/path.h"
#include "vm/qemu_internal.h"
#define LOG_MODULE "qemu"
#include "core/base/log.h"

#define STOP_DEADLINE_MS 2000

// The machine cannot be brought up: it ends. A clone only ends its process, and is then booted.
static void machine_fail(machine *self, const holm_error *error) {
    if (self->state == QEMU_STARTING && !self->failed && !self->clone) {
        self->failed = true;
        cleanup_error holm_error *copy = holm_error_copy(error);
        holm_error_wrap(&copy, "start the virtual machine");
        if (*qemu_process_complaint(self->process))
            holm_error_hint(&copy, "QEMU says: %s", qemu_process_complaint(self->process));
        if (self->events.failed)
            self->events.failed(copy, self->data);
    }
    qemu_process_kill(self->process);
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
    if (error && holm_error_code_of(error) != HOLM_ERROR_UNAVAILABLE &&
        holm_error_code_of(error) != HOLM_ERROR_CANCELLED)
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
    } else if (strcmp(name, "BLOCK_IO_ERROR") == 0) {
        qemu_space_event(self, information);
    } else if (strcmp(name, "MIGRATION") == 0) {
        const char *status = json_string_value(json_object_get(information, "status"));
        if (status && self->migration)
            self->migration(self, status);
    }
}

static void qmp_is_lost(const holm_error *error, void *data) {
    machine *self = data;
    // The end of the process tells the rest; this makes sure that it does end.
    if (self->state < QEMU_STOPPING)
        log_info("%s", holm_error_message(error));
    qemu_process_kill(self->process);
}

static void vsock_is_lost(const holm_error *error, void *data) {
    machine *self = data;
    if (self->state < QEMU_STOPPING)
        log_warning("%s", holm_error_message(error));
}

// ---- the agent's sign that it is there ----

typedef struct qemu_ready_link {
    uv_poll_t poll;
    int fd;
    machine *owner;
} qemu_ready_link;

static void ready_link_closed(uv_handle_t *handle) {
    qemu_ready_link *self = handle->data;
    close(self->fd);
    free(self);
}

static void ready_link_close(machine *self) {
    if (self->ready_link)
        uv_close((uv_handle_t *)&steal_pointer(&self->ready_link)->poll, ready_link_closed);
}

static void ready_readable(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    qemu_ready_link *link = poll->data;
    machine *self = link->owner;
    char text[8] = {0};
    // One line of six bytes: it comes in one packet.
    ssize_t got = recv(link->fd, text, sizeof text - 1, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    ready_link_close(self);
    if (got < 6 || strncmp(text, "ready\n", 6) != 0 || self->said_ready || self->state != QEMU_STARTING)
        return;
    self->said_ready = true;
    self->state = QEMU_RUNNING;
    qemu_clone_finish(self);
    qemu_devices_settle(self);
    qemu_maker_tell(self);
    if (self->events.ready)
        self->events.ready(self->data);
}

static void ready_accepted(int fd, uint32_t port, void *data) {
    (void)port;
    machine *self = data;
    qemu_ready_link *link = self->said_ready || self->ready_link ? NULL : calloc(1, sizeof *link);
    if (!link || uv_poll_init(self->loop, &link->poll, fd) < 0) {
        free(link);
        close(fd);
        return;
    }
    link->poll.data = link;
    link->fd = fd;
    link->owner = self;
    self->ready_link = link;
    uv_poll_start(&link->poll, UV_READABLE, ready_readable);
}

// ---- the process ----

int qemu_process_bring(machine *self, int *vsock_fd, void (*ended)(int code, void *data),
                       void (*line)(const char *text, void *data), holm_error **error) {
    static const qmp_events events = {qmp_event, qmp_is_lost};
    char **arguments = qemu_command_make(self);
    cleanup(confine_cleanup) confine *confinement = self->confined ? qemu_confine(self) : NULL;
    cleanup(qemu_links_close) qemu_links links = QEMU_LINKS_NONE;
    self->process =
        qemu_process_start(self->loop, arguments, self->memory.fd, confinement, &links, ended, self, error);
    qemu_command_free(arguments);
    if (!self->process)
        return -1;
    self->qmp = qmp_create(self->loop, steal_fd(&links.qmp), &events, self, error);
    if (self->qmp)
        self->console =
            console_create(self->loop, steal_fd(&links.console), self->boot_log, line, self, error);
    if (!self->console) {
        qemu_process_let_go(self);
        return -1;
    }
    *vsock_fd = steal_fd(&links.vsock);
    return 0;
}

void qemu_process_let_go(machine *self) {
    qmp_destroy(steal_pointer(&self->qmp));
    console_destroy(steal_pointer(&self->console));
    qemu_process_destroy(steal_pointer(&self->process));
}

static int open_gates(machine *self, holm_error **error) {
    cleanup_free char *path = path_join(self->runtime_directory, "vsock.sock", NULL);
    cleanup_free char *agent = path_join(self->runtime_directory, "agent.sock", NULL);
    self->gate = vsock_gate_create(self->loop, self->vsock, path, 0, error);
    self->agent_gate =
        self->gate ? vsock_gate_create(self->loop, self->vsock, agent, QEMU_AGENT_PORT, error) : NULL;
    return self->agent_gate ? 0 : -1;
}

static void close_vsock(machine *self) {
    ready_link_close(self);
    vsock_gate_destroy(steal_pointer(&self->gate));
    vsock_gate_destroy(steal_pointer(&self->agent_gate));
    vsock_destroy(steal_pointer(&self->vsock));
}

// The device outlives a process that could not load its template, and with it who listens.
static int join_vsock(machine *self, int fd, holm_error **error) {
    if (self->vsock)
        return vsock_restart(self->vsock, fd, error);
    self->vsock = vsock_create(self->loop, fd, &self->memory, self->context_id, vsock_is_lost, self, error);
    if (!self->vsock || vsock_listen(self->vsock, QEMU_AGENT_PORT, ready_accepted, self, error) < 0)
        return -1;
    return open_gates(self, error);
}

void qemu_let_run(machine *self) {
    char slot[8];
    snprintf(slot, sizeof slot, "0x%x", QEMU_SLOT_VSOCK);
    qmp_execute(self->qmp, "device_add",
                json_pack("{s:s, s:s, s:s, s:s}", "driver", "vhost-user-vsock-pci", "id", "vsock", "chardev",
                          "vsock", "addr", slot),
                -1, qemu_expect, self);
    self->plugged = true;
    qemu_give_all(self);
    qmp_execute(self->qmp, "cont", NULL, -1, qemu_expect, self);
}

static void process_ended(int code, void *data) {
    (void)code;
    qemu_process_is_gone(data);
}

static int launch(machine *self, holm_error **error) {
    int vsock_fd;
    if (qemu_process_bring(self, &vsock_fd, process_ended, NULL, error) < 0)
        return -1;
    if (join_vsock(self, vsock_fd, error) < 0) {
        qemu_process_let_go(self);
        return -1;
    }
    if (self->role == QEMU_CLONE)
        qemu_clone_begin(self);
    else
        qemu_let_run(self);
    return 0;
}

// ---- the end ----

static void machine_closed(machine *self) {
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
    close_vsock(self);
    qemu_process_let_go(self);
    qemu_devices_finish(self);
    qemu_maker_let_go(self);
    qemu_space_let_go(self);
    if (self->events.closed)
        self->events.closed(end, self->data);
}

// A template that did not work is thrown away, and the machine is booted as if there had been none.
static int boot_instead(machine *self, holm_error **error) {
    log_warning("the template did not work (%s): booting instead",
                self->problem ? holm_error_message(self->problem) : "QEMU ended or the guest did not wake");
    template_discard(self->template_directory, self->template_key);
    holm_error_free(steal_pointer(&self->problem));
    ready_link_close(self);
    qemu_process_let_go(self);
    qemu_devices_forget(self);
    self->plugged = self->guest_ended = false;
    self->role = QEMU_BOOT;
    uint64_t size = self->memory.size;
    guest_memory_finish(&self->memory);
    if (guest_memory_init(&self->memory, size, error) < 0 || launch(self, error) < 0)
        return -1;
    qemu_maker_start(self);
    return 0;
}

void qemu_process_is_gone(machine *self) {
    bool was_clone = self->clone != NULL;
    if (!qemu_clone_is_over(self))
        return;
    if (was_clone && self->state == QEMU_STARTING) {
        cleanup_error holm_error *error = NULL;
        if (boot_instead(self, &error) == 0)
            return;
        self->failed = true;
        if (self->events.failed)
            self->events.failed(error, self->data);
    }
    if (self->console)
        console_drain(self->console);
    machine_closed(self);
}

static void qemu_stop(machine *self) {
    if (self->state == QEMU_CREATED || self->state >= QEMU_STOPPING)
        return;
    self->state = QEMU_STOPPING;
    if (!self->process) // a boot in place of a template failed, and whoever hears of it stops the machine
        return;
    qmp_execute(self->qmp, "quit", NULL, -1, NULL, NULL);
    qemu_process_end_within(self->process, STOP_DEADLINE_MS);
}

static void qemu_destroy(machine *self) {
    if (!self)
        return;
    qemu_devices_finish(self);
    guest_memory_finish(&self->memory);
    holm_error_free(self->problem);
    qemu_configuration_finish(self);
    free(self);
}

// ---- the beginning ----

int qemu_configure(machine *self, const machine_configuration *from, holm_error **error) {
    if (from->cpus == 0 || from->memory_bytes == 0 || from->memory_bytes % (1U << 20) || !from->kernel ||
        !from->initramfs) {
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "a machine needs processors, whole MiB of memory, a kernel and an initramfs");
        return -1;
    }
    self->cpus = from->cpus;
    self->memory_bytes = from->memory_bytes;
    self->accelerator = from->accelerator;
    self->confined = from->confine;
    self->program = qemu_program();
    self->kernel = strdup(from->kernel);
    self->initramfs = strdup(from->initramfs);
    self->kernel_arguments = from->kernel_arguments ? strdup(from->kernel_arguments) : NULL;
    self->boot_log = from->boot_log ? strdup(from->boot_log) : NULL;
    self->next_set = 1;
    self->template_directory = from->template_directory ? strdup(from->template_directory) : NULL;
    return 0;
}

void qemu_choose_template(machine *self) {
    const machine_configuration shape = {.cpus = self->cpus,
                                         .memory_bytes = self->memory_bytes,
                                         .accelerator = self->accelerator,
                                         .kernel = self->kernel,
                                         .initramfs = self->initramfs,
                                         .kernel_arguments = self->kernel_arguments};
    cleanup_free char *devices = qemu_devices_describe(self);
    if (self->template_directory)
        self->template_key = template_key(self->program, &shape, devices);
}

void qemu_configuration_finish(machine *self) {
    char *all[] = {self->program,           self->kernel,   self->initramfs,          self->kernel_arguments,
                   self->runtime_directory, self->boot_log, self->template_directory, self->template_key};
    for (size_t i = 0; i < array_length(all); i++)
        free(all[i]);
}

static machine *qemu_create(uv_loop_t *loop, const machine_configuration *from, const machine_events *events,
                            void *data, holm_error **error) {
    if (from->context_id < 3 || !from->runtime_directory) {
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "a machine needs a runtime folder and a context id above 2");
        return NULL;
    }
    machine *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (machine){
        .loop = loop, .events = *events, .data = data, .context_id = from->context_id, .memory = {.fd = -1}};
    self->runtime_directory = strdup(from->runtime_directory);
    if (qemu_configure(self, from, error) < 0 ||
        guest_memory_init(&self->memory, self->memory_bytes, error) < 0) {
        qemu_destroy(self);
        return NULL;
    }
    return self;
}

static int qemu_start(machine *self, holm_error **error) {
    if (self->state != QEMU_CREATED) {
        holm_error_set(error, HOLM_ERROR_STATE, "the machine was started already");
        return -1;
    }
    qemu_choose_template(self);
    if (self->template_key && qemu_clone_open(self))
        self->role = QEMU_CLONE;
    self->state = QEMU_STARTING;
    if (launch(self, error) < 0) {
        self->state = QEMU_CREATED;
        free(steal_pointer(&self->template_key));
        qemu_clone_abandon(self);
        close_vsock(self);
        return -1;
    }
    if (self->template_key && self->role == QEMU_BOOT)
        qemu_maker_start(self);
    return 0;
}

static pid_t qemu_pid(const machine *self) {
    return self->process ? qemu_process_pid(self->process) : 0;
}

static uint64_t qemu_memory_blocks(const machine *self) {
    return guest_memory_blocks(&self->memory);
}

static int qemu_move_boot_log(machine *self, const char *path, holm_error **error) {
    if (!self->console || console_move_log(self->console, path, error) < 0)
        return -1;
    free(self->boot_log);
    self->boot_log = strdup(path);
    return 0;
}

const machine_driver machine_qemu = {
    .name = "qemu",
    .create = qemu_create,
    .add_disk = qemu_add_disk,
    .change_disk = qemu_change_disk,
    .move_boot_log = qemu_move_boot_log,
    .add_card = qemu_add_card,
    .add_share = qemu_add_share,
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
