// The vsock device over rings that the fuzzer writes: the input is a list of steps, each a letter's worth of
// what a hostile guest or the local end can do.
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/vm/rings.h"

#define STEPS_MOST 64
#define LOCAL_MOST 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct input {
    const uint8_t *at, *end;
} input;

static uint32_t take(input *self, unsigned bytes) {
    uint32_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | (self->at < self->end ? *self->at++ : 0);
    return value;
}

static int locals[LOCAL_MOST];
static unsigned local_count;

static void keep_local(int fd) {
    if (local_count < LOCAL_MOST)
        locals[local_count++] = fd;
    else
        close(fd);
}

static void on_accepted(int fd, uint32_t port, void *user) {
    (void)port, (void)user;
    keep_local(fd);
}

static void on_dialled(int fd, uint32_t host_port, const holm_error *error, void *user) {
    (void)host_port, (void)error, (void)user;
    if (fd >= 0)
        keep_local(fd);
}

static void write_memory(rings *self, input *in) {
    uint32_t offset = take(in, 3) % RINGS_MEMORY, length = take(in, 1);
    for (; length > 0 && offset < RINGS_MEMORY; length--)
        self->memory.base[offset++] = (uint8_t)take(in, 1);
}

static void write_descriptor(rings *self, input *in) {
    uint32_t choice = take(in, 1);
    *rings_descriptor_at(self, choice & 1, (choice >> 1) % RINGS_SIZE) =
        (rings_descriptor){take(in, 3), take(in, 2), (uint16_t)take(in, 1), (uint16_t)take(in, 1)};
    rings_offer(self, choice & 1, (uint16_t)take(in, 1));
}

static void send_packet(rings *self, input *in) {
    static const uint32_t ports[] = {7000, 9000, 9001, (1U << 30) + 1};
    uint8_t text[256] = {0};
    uint32_t choice = take(in, 1);
    rings_send(self, (uint16_t)(choice & 15), ports[choice >> 4 & 3], ports[choice >> 6], text,
               take(in, 1) % sizeof text);
}

static void use_local(rings *self, input *in) {
    uint32_t choice = take(in, 1);
    char text[4096] = {0};
    if (local_count == 0)
        return;
    int *fd = &locals[(choice >> 2) % local_count];
    ssize_t done = 0;
    if (*fd < 0)
        return;
    switch (choice & 3) {
    case 0:
        done = send(*fd, text, take(in, 2) % sizeof text, MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
    case 1:
        done = read(*fd, text, sizeof text);
        break;
    case 2:
        shutdown(*fd, SHUT_WR);
        break;
    default:
        close(*fd);
        *fd = -1;
    }
    (void)done;
    rings_run(self);
}

static void step(rings *self, input *in) {
    switch (take(in, 1) % 8) {
    case 0:
        write_memory(self, in);
        break;
    case 1:
        write_descriptor(self, in);
        break;
    case 2:
    case 3:
        send_packet(self, in);
        break;
    case 4:
        use_local(self, in);
        break;
    case 5:
        rings_offer_buffers(self, take(in, 1) % 8, 8);
        break;
    case 6:
        vsock_dial(self->device, 9000, -1, on_dialled, NULL);
        break;
    default:
        while (rings_receive(self))
            continue;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static rings self;
    input in = {data, data + size};
    local_count = 0;
    rings_create(&self);
    vsock_listen(self.device, 7000, on_accepted, NULL, NULL);
    rings_connect(&self);
    rings_offer_buffers(&self, 0, 8);
    for (int i = 0; i < STEPS_MOST && in.at < in.end; i++)
        step(&self, &in);
    rings_destroy(&self);
    for (unsigned i = 0; i < local_count; i++)
        if (locals[i] >= 0)
            close(locals[i]);
    return 0;
}
