// What is asked of a running machine: connections, and commands that are answered later.
#include "vm/qemu_internal.h"

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

void qemu_connect(machine *self, uint32_t port, machine_connected done, void *data) {
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

int qemu_listen(machine *self, uint32_t port, machine_accepted accepted, void *data, holm_error **error) {
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
void qemu_settle(machine *self, machine_done done, void *data) {
    ask_with(self, "query-status", NULL, settled, done, data);
}

void qemu_pause(machine *self, machine_done done, void *data) {
    self->paused = true;
    ask(self, "stop", NULL, done, data);
}

void qemu_resume(machine *self, machine_done done, void *data) {
    self->paused = false;
    ask(self, "cont", NULL, done, data);
}

void qemu_set_memory(machine *self, uint64_t bytes, machine_done done, void *data) {
    if (bytes > self->memory_bytes)
        bytes = self->memory_bytes;
    ask(self, "balloon", json_pack("{s:I}", "value", (json_int_t)bytes), done, data);
}
