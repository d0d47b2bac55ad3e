// Runs one machine for the agent's tests: two disks and a card, nobody above it. The tests talk to the agent
// through DIRECTORY/agent.sock with a gRPC client of their own.
//
//     agent_machine DIRECTORY KERNEL INITRAMFS MEMORY_MIB WRITABLE LAYER…
//
// Says "ready" on standard output once the agent can be dialled, and ends with its standard input.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/path.h"
#include "vm/machine.h"

#define LAYERS_FROM 6
#define ECHO_PORT   5000

typedef struct test_machine {
    uv_loop_t loop;
    uv_pipe_t input;
    machine *machine;
} test_machine;

// What the guest dials on port 5000 comes back to it.
static void on_echo_closed(uv_handle_t *handle) {
    free(handle);
}

static void on_echo_allocate(uv_handle_t *handle, size_t size, uv_buf_t *out) {
    (void)handle;
    *out = uv_buf_init(malloc(size), (unsigned)size);
}

static void on_echo_written(uv_write_t *request, int status) {
    (void)status;
    free(request->data);
    free(request);
}

static void on_echo_shut(uv_shutdown_t *request, int status) {
    (void)status;
    uv_close((uv_handle_t *)request->handle, on_echo_closed);
    free(request);
}

static void on_echo_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes) {
    if (got <= 0) {
        free(bytes->base);
        if (got < 0) // what is still to be written comes first
            uv_shutdown(malloc(sizeof(uv_shutdown_t)), stream, on_echo_shut);
        return;
    }
    uv_write_t *request = malloc(sizeof *request);
    uv_buf_t back = uv_buf_init(bytes->base, (unsigned)got);
    request->data = bytes->base;
    uv_write(request, stream, &back, 1, on_echo_written);
}

static void on_accepted(int fd, uint32_t port, void *data) {
    test_machine *self = data;
    uv_pipe_t *pipe = malloc(sizeof *pipe);
    (void)port;
    uv_pipe_init(&self->loop, pipe, 0);
    uv_pipe_open(pipe, fd);
    uv_read_start((uv_stream_t *)pipe, on_echo_allocate, on_echo_read);
}

static void on_ready(void *data) {
    (void)data;
    puts("ready");
    fflush(stdout);
}

static void on_failed(const holm_error *error, void *data) {
    (void)data;
    fprintf(stderr, "%s\n", holm_error_message(error));
}

static void on_closed(machine_end end, void *data) {
    test_machine *self = data;
    if (end != MACHINE_END_STOPPED)
        fprintf(stderr, "the machine has ended by itself (%d)\n", (int)end);
    machine_qemu.destroy(steal_pointer(&self->machine));
    if (!uv_is_closing((uv_handle_t *)&self->input))
        uv_close((uv_handle_t *)&self->input, NULL);
}

static void on_allocate(uv_handle_t *handle, size_t size, uv_buf_t *out) {
    static char space[64];
    (void)handle, (void)size;
    *out = uv_buf_init(space, sizeof space);
}

static void on_input(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes) {
    test_machine *self = stream->data;
    (void)bytes;
    if (got >= 0)
        return;
    uv_close((uv_handle_t *)stream, NULL);
    if (self->machine)
        machine_qemu.stop(self->machine);
}

static int add_devices(test_machine *self, char **argv, int argc, holm_error **error) {
    machine_disk layers = {.name = "layers",
                           .read_only = true,
                           .layers = (const char *const *)argv + LAYERS_FROM,
                           .layer_count = (size_t)(argc - LAYERS_FROM)};
    machine_disk writable = {.name = "writable", .path = argv[LAYERS_FROM - 1]};
    machine_card card = {.name = "card", .mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56}};
    int wire[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, wire) < 0)
        abort();
    card.fd = wire[0]; // the other end stays open, and silent
    if (machine_qemu.add_disk(self->machine, &layers, error) < 0 ||
        machine_qemu.add_disk(self->machine, &writable, error) < 0 ||
        machine_qemu.add_card(self->machine, &card, error) < 0)
        return -1;
    if (machine_qemu.start(self->machine, error) < 0)
        return -1;
    return machine_qemu.listen(self->machine, ECHO_PORT, on_accepted, self, error);
}

int main(int argc, char **argv) {
    test_machine self = {0};
    holm_error *error = NULL;
    if (argc <= LAYERS_FROM)
        return EXIT_FAILURE;
    cleanup_free char *log = path_join(argv[1], "boot.log", NULL);
    uv_loop_init(&self.loop);
    uv_pipe_init(&self.loop, &self.input, 0);
    uv_pipe_open(&self.input, STDIN_FILENO);
    self.input.data = &self;
    uv_read_start((uv_stream_t *)&self.input, on_allocate, on_input);
    machine_configuration configuration = {
        .cpus = 1,
        .memory_bytes = strtoull(argv[4], NULL, 10) << 20,
        .accelerator = MACHINE_EMULATION,
        .kernel = argv[2],
        .initramfs = argv[3],
        .runtime_directory = argv[1],
        .boot_log = log,
        .context_id = 42,
    };
    machine_events events = {.ready = on_ready, .failed = on_failed, .closed = on_closed};
    self.machine = machine_qemu.create(&self.loop, &configuration, &events, &self, &error);
    if (!self.machine || add_devices(&self, argv, argc, &error) < 0) {
        fprintf(stderr, "%s\n", holm_error_message(error));
        return EXIT_FAILURE;
    }
    uv_run(&self.loop, UV_RUN_DEFAULT);
    return EXIT_SUCCESS;
}
