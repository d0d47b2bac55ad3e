#include "tests/unit/vm/rings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_lost(const holm_error *error, void *data) {
    (void)error;
    ((rings *)data)->lost++;
}

void rings_create(rings *self) {
    *self = (rings){0};
    uv_loop_init(&self->loop);
    int pair[2];
    if (guest_memory_init(&self->memory, RINGS_MEMORY, NULL) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        abort();
    self->socket = pair[0];
    for (int i = 0; i < 2; i++) {
        self->kicks[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        self->calls[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    self->device = vsock_create(&self->loop, pair[1], &self->memory, RINGS_CONTEXT_ID, on_lost, self, NULL);
}

void rings_destroy(rings *self) {
    vsock_destroy(self->device);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&self->loop) != 0)
        abort();
    guest_memory_finish(&self->memory);
    close(self->socket);
    for (int i = 0; i < 2; i++) {
        close(self->kicks[i]);
        close(self->calls[i]);
    }
}

void rings_run(rings *self) {
    for (int i = 0; i < 8; i++)
        uv_run(&self->loop, UV_RUN_NOWAIT);
}

void rings_message(rings *self, uint32_t request, const void *payload, uint32_t size, const int *fds,
                   unsigned fd_count) {
    uint32_t header[3] = {request, 1, size};
    struct iovec parts[] = {{header, sizeof header}, {(void *)payload, size}};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(16 * sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (fd_count > 0) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        control.header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(fd_count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof(int));
    }
    if (sendmsg(self->socket, &message, MSG_NOSIGNAL) < 0)
        self->lost++;
    rings_run(self);
}

static void set_ring(rings *self, uint32_t ring) {
    uint32_t size[2] = {ring, RINGS_SIZE}, base[2] = {ring, self->base[ring]};
    struct {
        uint32_t index, flags;
        uint64_t descriptors, used, avail, log;
    } at = {ring,
            0,
            RINGS_USER + RINGS_DESCRIPTORS(ring),
            RINGS_USER + RINGS_USED(ring),
            RINGS_USER + RINGS_AVAIL(ring),
            0};
    uint64_t number = ring;
    rings_message(self, 8, size, sizeof size, NULL, 0);
    rings_message(self, 10, base, sizeof base, NULL, 0);
    rings_message(self, 9, &at, sizeof at, NULL, 0);
    rings_message(self, 13, &number, sizeof number, &self->calls[ring], 1);
    rings_message(self, 12, &number, sizeof number, &self->kicks[ring], 1);
}

void rings_connect(rings *self) {
    struct {
        uint32_t count, padding;
        uint64_t guest, size, user, offset;
    } table = {1, 0, 0, RINGS_MEMORY, RINGS_USER, 0};
    rings_message(self, 5, &table, sizeof table, &self->memory.fd, 1);
    set_ring(self, 0);
    set_ring(self, 1);
}

void rings_disconnect_ring(rings *self, unsigned ring) {
    uint32_t state[2] = {ring, 0};
    uint32_t reply[5] = {0}; // header, index, where the device was
    rings_message(self, 11, state, sizeof state, NULL, 0);
    if (read(self->socket, reply, sizeof reply) == sizeof reply)
        self->base[ring] = reply[4];
}

rings_descriptor *rings_descriptor_at(rings *self, unsigned ring, unsigned index) {
    return (rings_descriptor *)(self->memory.base + RINGS_DESCRIPTORS(ring)) + index;
}

void rings_offer(rings *self, unsigned ring, uint16_t head) {
    uint16_t *avail = (uint16_t *)(self->memory.base + RINGS_AVAIL(ring));
    uint64_t one = 1;
    avail[2 + self->next[ring] % RINGS_SIZE] = head;
    avail[1] = ++self->next[ring];
    if (write(self->kicks[ring], &one, sizeof one) < 0)
        abort();
    rings_run(self);
}

static uint64_t buffer_at(unsigned ring, unsigned index) {
    return RINGS_BUFFERS + ((uint64_t)ring * RINGS_SIZE + index) * RINGS_BUFFER_SIZE;
}

void rings_offer_buffers(rings *self, unsigned first, unsigned count) {
    for (unsigned i = first; i < first + count; i++) {
        *rings_descriptor_at(self, 0, i) = (rings_descriptor){buffer_at(0, i), RINGS_BUFFER_SIZE, 2, 0};
        rings_offer(self, 0, (uint16_t)i);
    }
}

void rings_send(rings *self, uint16_t operation, uint32_t source, uint32_t destination, const void *data,
                uint32_t length) {
    vsock_header header = {.source_context_id = RINGS_CONTEXT_ID,
                           .destination_context_id = VSOCK_HOST_CONTEXT_ID,
                           .source_port = source,
                           .destination_port = destination,
                           .length = length,
                           .type = VSOCK_TYPE_STREAM,
                           .operation = operation,
                           .flags = operation == VSOCK_SHUTDOWN ? VSOCK_NO_MORE : 0,
                           .buffer_size = 4096};
    unsigned index = self->next[1] % RINGS_SIZE;
    uint8_t *at = self->memory.base + buffer_at(1, index);
    memcpy(at, &header, sizeof header);
    if (length > 0)
        memcpy(at + sizeof header, data, length);
    *rings_descriptor_at(self, 1, index) =
        (rings_descriptor){buffer_at(1, index), (uint32_t)sizeof header + length, 0, 0};
    rings_offer(self, 1, (uint16_t)index);
}

const vsock_header *rings_receive(rings *self) {
    static uint8_t packet[RINGS_BUFFER_SIZE];
    const uint16_t *used = (const uint16_t *)(self->memory.base + RINGS_USED(0));
    if (used[1] == self->taken[0])
        return NULL;
    const uint32_t *element = (const uint32_t *)(used + 2) + (size_t)2 * (self->taken[0]++ % RINGS_SIZE);
    uint32_t id = element[0] % RINGS_SIZE; // a fuzzer writes over the used ring, too
    memcpy(packet, self->memory.base + buffer_at(0, id), sizeof packet);
    rings_offer(self, 0, (uint16_t)id);
    return (const vsock_header *)packet;
}
