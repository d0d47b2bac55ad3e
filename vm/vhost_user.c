#include "vm/vhost_user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define LOG_MODULE "vhost-user"
#include "core/base/log.h"

#define FEATURES          (1ULL << 32 /* VIRTIO_F_VERSION_1 */ | 1ULL << 30 /* VHOST_USER_F_PROTOCOL_FEATURES */)
#define PROTOCOL_FEATURES (1ULL << 9 /* VHOST_USER_PROTOCOL_F_CONFIG */)

#define HEADER_SIZE   sizeof(message_header)
#define FLAGS_VERSION 1U
#define FLAGS_REPLY   4U
#define FDS_MOST      GUEST_MEMORY_REGIONS_MOST
#define NO_FD_FLAG    0x100

enum request {
    GET_FEATURES = 1,
    SET_FEATURES = 2,
    SET_OWNER = 3,
    RESET_OWNER = 4,
    SET_MEM_TABLE = 5,
    SET_VRING_NUM = 8,
    SET_VRING_ADDR = 9,
    SET_VRING_BASE = 10,
    GET_VRING_BASE = 11,
    SET_VRING_KICK = 12,
    SET_VRING_CALL = 13,
    SET_VRING_ERR = 14,
    GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16,
    GET_QUEUE_NUM = 17,
    SET_VRING_ENABLE = 18,
    GET_CONFIG = 24,
};

typedef struct vring_state {
    uint32_t index;
    uint32_t value;
} vring_state;

typedef struct vring_addresses {
    uint32_t index;
    uint32_t flags;
    uint64_t descriptors;
    uint64_t used;
    uint64_t avail;
    uint64_t log;
} vring_addresses;

typedef struct memory_table {
    uint32_t count;
    uint32_t padding;
    struct {
        uint64_t guest_address, size, user_address, offset;
    } regions[GUEST_MEMORY_REGIONS_MOST];
} memory_table;

typedef struct config_part {
    uint32_t offset;
    uint32_t size;
    uint32_t flags;
    uint8_t bytes[VHOST_USER_CONFIG_MOST];
} config_part;

typedef struct message_header {
    uint32_t request;
    uint32_t flags;
    uint32_t size; ///< of what follows
} message_header;

typedef union message_payload {
    uint64_t number;
    vring_state state;
    vring_addresses addresses;
    memory_table table;
    config_part config;
} message_payload;

// The descriptor by which the driver's kicks of one ring come.
typedef struct kick {
    uv_poll_t poll;
    int fd;
    vhost_user *owner;
    unsigned index;
} kick;

struct vhost_user {
    uv_poll_t poll;
    uv_loop_t *loop;
    int fd;
    guest_memory *memory;
    vhost_user_device device;
    void *data;
    vring rings[VHOST_USER_RINGS_MOST];
    kick *kicks[VHOST_USER_RINGS_MOST];
    int calls[VHOST_USER_RINGS_MOST];
    bool lost;
    message_header header;
    message_payload payload;
    size_t received; ///< of header and payload
    int fds[FDS_MOST];
    size_t fd_count;
};

static void kick_closed(uv_handle_t *handle) {
    kick *self = handle->data;
    close(self->fd);
    free(self);
}

static void kick_ready(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    kick *self = poll->data;
    uint64_t count;
    if (read(self->fd, &count, sizeof count) == sizeof count || errno == EAGAIN)
        self->owner->device.kicked(self->index, self->owner->data);
}

static void ring_stop(vhost_user *self, unsigned index) {
    self->rings[index].running = false;
    if (self->kicks[index])
        uv_close((uv_handle_t *)&steal_pointer(&self->kicks[index])->poll, kick_closed);
}

static void vhost_user_lose(vhost_user *self, const char *why) {
    if (self->lost)
        return;
    self->lost = true;
    uv_poll_stop(&self->poll);
    for (unsigned i = 0; i < self->device.ring_count; i++)
        ring_stop(self, i);
    cleanup_error holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "vhost-user: the VMM %s", why);
    self->device.lost(error, self->data);
}

// A VMM that was taken over could send any descriptor; reading or writing some of them would block us.
static bool is_eventfd(int fd) {
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0)
        return false;
    target[length] = 0;
    return strcmp(target, "anon_inode:[eventfd]") == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

static int set_mem_table(vhost_user *self) {
    const memory_table *table = &self->payload.table;
    guest_region regions[GUEST_MEMORY_REGIONS_MOST] = {0};
    if (self->header.size < 8 || table->count > GUEST_MEMORY_REGIONS_MOST || table->count != self->fd_count ||
        self->header.size < 8 + table->count * sizeof table->regions[0])
        return -1;
    struct stat ours, theirs;
    if (fstat(self->memory->fd, &ours) < 0)
        return -1;
    for (uint32_t i = 0; i < table->count; i++) {
        if (fstat(self->fds[i], &theirs) < 0 || ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino)
            return -1;
        regions[i] = (guest_region){table->regions[i].guest_address, table->regions[i].size,
                                    table->regions[i].user_address, table->regions[i].offset};
    }
    return guest_memory_set_regions(self->memory, regions, table->count);
}

static int set_vring_num(vhost_user *self, unsigned index) {
    uint32_t size = self->payload.state.value;
    if (size == 0 || size > VRING_SIZE_MOST || (size & (size - 1)) || self->rings[index].running)
        return -1;
    // The addresses were checked for the size there was.
    self->rings[index] = (vring){.size = size, .next_avail = self->rings[index].next_avail};
    return 0;
}

static int set_vring_addresses(vhost_user *self, unsigned index) {
    const vring_addresses *at = &self->payload.addresses;
    vring *ring = &self->rings[index];
    return ring->running ? -1 : vring_set_addresses(ring, self->memory, at->descriptors, at->avail, at->used);
}

// Without a descriptor the driver would have us poll the ring, which we do not do.
static int set_vring_kick(vhost_user *self, unsigned index) {
    vring *ring = &self->rings[index];
    if (self->payload.number & NO_FD_FLAG || self->fd_count != 1 || !is_eventfd(self->fds[0]) || !ring->used)
        return -1;
    ring_stop(self, index);
    kick *one = calloc(1, sizeof *one);
    if (!one)
        abort();
    *one = (kick){.owner = self, .index = index, .fd = steal_fd(&self->fds[0])};
    self->fd_count = 0;
    if (uv_poll_init(self->loop, &one->poll, one->fd) < 0) {
        close(one->fd);
        free(one);
        return -1;
    }
    one->poll.data = one;
    self->kicks[index] = one;
    uv_poll_start(&one->poll, UV_READABLE, kick_ready);
    // A ring begins with its first kick, not with SET_VRING_ENABLE: QEMU does not send that for vsock.
    ring->running = true;
    ring->broken = false;
    self->device.started(index, self->data);
    self->device.kicked(index, self->data);
    return 0;
}

static int set_vring_call(vhost_user *self, unsigned index) {
    if (self->calls[index] >= 0)
        close(steal_fd(&self->calls[index]));
    if (self->payload.number & NO_FD_FLAG)
        return 0;
    if (self->fd_count != 1 || !is_eventfd(self->fds[0]))
        return -1;
    self->calls[index] = steal_fd(&self->fds[0]);
    self->fd_count = 0;
    return 0;
}

static int reply(vhost_user *self, uint32_t size) {
    self->header.flags = FLAGS_VERSION | FLAGS_REPLY;
    self->header.size = size;
    struct iovec parts[] = {{&self->header, HEADER_SIZE}, {&self->payload, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = array_length(parts)};
    return sendmsg(self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(HEADER_SIZE + size) ? 0 : -1;
}

static int reply_number(vhost_user *self, uint64_t number) {
    self->payload.number = number;
    return reply(self, sizeof number);
}

static int get_config(vhost_user *self) {
    config_part *part = &self->payload.config;
    uint32_t head = offsetof(config_part, bytes);
    if (self->header.size < head || part->size > VHOST_USER_CONFIG_MOST ||
        self->header.size != head + part->size)
        return -1;
    memset(part->bytes, 0, part->size);
    for (uint32_t i = 0; i < part->size; i++)
        if (part->offset < self->device.config_size && i < self->device.config_size - part->offset)
            part->bytes[i] = ((const uint8_t *)self->device.config)[part->offset + i];
    return reply(self, self->header.size);
}

static int handle_ring(vhost_user *self) {
    uint32_t request = self->header.request;
    bool by_number = request == SET_VRING_KICK || request == SET_VRING_CALL || request == SET_VRING_ERR;
    if (self->header.size < (request == SET_VRING_ADDR ? sizeof(vring_addresses) : sizeof(uint64_t)))
        return -1;
    uint32_t index = by_number ? (uint32_t)(self->payload.number & 0xff) : self->payload.state.index;
    if (index >= self->device.ring_count)
        return -1;
    switch (request) {
    case SET_VRING_NUM:
        return set_vring_num(self, index);
    case SET_VRING_ADDR:
        return set_vring_addresses(self, index);
    case SET_VRING_BASE:
        if (self->rings[index].running)
            return -1;
        self->rings[index].next_avail = (uint16_t)self->payload.state.value;
        return 0;
    case GET_VRING_BASE:
        ring_stop(self, index);
        self->payload.state.value = self->rings[index].next_avail;
        return reply(self, sizeof self->payload.state);
    case SET_VRING_KICK:
        return set_vring_kick(self, index);
    case SET_VRING_CALL:
        return set_vring_call(self, index);
    default: // SET_VRING_ERR, SET_VRING_ENABLE: nothing that we need to know
        return 0;
    }
}

static int handle(vhost_user *self) {
    switch (self->header.request) {
    case GET_FEATURES:
        return reply_number(self, FEATURES);
    case GET_PROTOCOL_FEATURES:
        return reply_number(self, PROTOCOL_FEATURES);
    case GET_QUEUE_NUM:
        return reply_number(self, self->device.ring_count);
    case SET_FEATURES:
        return self->header.size == 8 && !(self->payload.number & ~FEATURES) ? 0 : -1;
    case SET_PROTOCOL_FEATURES:
        return self->header.size == 8 && !(self->payload.number & ~PROTOCOL_FEATURES) ? 0 : -1;
    case SET_OWNER:
    case RESET_OWNER:
        return 0;
    case SET_MEM_TABLE:
        return set_mem_table(self);
    case GET_CONFIG:
        return get_config(self);
    default:
        return (self->header.request >= SET_VRING_NUM && self->header.request <= SET_VRING_ERR) ||
                       self->header.request == SET_VRING_ENABLE
                   ? handle_ring(self)
                   : -1;
    }
}

static void close_fds(vhost_user *self) {
    for (size_t i = 0; i < self->fd_count; i++)
        if (self->fds[i] >= 0)
            close(self->fds[i]);
    self->fd_count = 0;
}

// Receives no more than the rest of this message, so that descriptors stay with the message they came with.
static ssize_t receive_part(vhost_user *self, size_t want) {
    uint8_t *to = self->received < HEADER_SIZE ? (uint8_t *)&self->header + self->received
                                               : (uint8_t *)&self->payload + (self->received - HEADER_SIZE);
    struct iovec vector = {to, want - self->received};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(FDS_MOST * sizeof(int))];
    } control;
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control.space,
                            .msg_controllen = sizeof control.space};
    ssize_t got = recvmsg(self->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return got;
    for (struct cmsghdr *one = CMSG_FIRSTHDR(&header); one; one = CMSG_NXTHDR(&header, one)) {
        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(one) + i * sizeof fd, sizeof fd);
            if (self->fd_count < FDS_MOST)
                self->fds[self->fd_count++] = fd;
            else
                close(fd);
        }
    }
    return got;
}

static void vhost_user_read(vhost_user *self) {
    while (!self->lost) {
        size_t want = self->received < HEADER_SIZE ? HEADER_SIZE : HEADER_SIZE + self->header.size;
        if (self->received < want) {
            ssize_t got = receive_part(self, want);
            if (got < 0 && (errno == EAGAIN || errno == EINTR))
                return;
            if (got <= 0) {
                vhost_user_lose(self, "is gone");
                return;
            }
            self->received += (size_t)got;
            if (self->received == HEADER_SIZE &&
                (self->header.size > sizeof self->payload || (self->header.flags & 3) != FLAGS_VERSION)) {
                vhost_user_lose(self, "sent a message that is too long or of another version");
                return;
            }
            continue;
        }
        log_debug("request %u, %u bytes, %zu descriptors", self->header.request, self->header.size,
                  self->fd_count);
        uint32_t request = self->header.request;
        // What the message does not say is zero, not a leftover of the one before.
        memset((uint8_t *)&self->payload + self->header.size, 0, sizeof self->payload - self->header.size);
        int failed = handle(self);
        close_fds(self);
        self->received = 0;
        if (failed) {
            char why[64];
            snprintf(why, sizeof why, "sent a bad message (request %u)", request);
            vhost_user_lose(self, why);
        }
    }
}

static void vhost_user_ready(uv_poll_t *poll, int status, int events) {
    (void)events;
    if (status < 0)
        vhost_user_lose(poll->data, "is gone");
    else
        vhost_user_read(poll->data);
}

vhost_user *vhost_user_create(uv_loop_t *loop, int fd, guest_memory *memory, const vhost_user_device *device,
                              void *data, holm_error **error) {
    vhost_user *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (vhost_user){.loop = loop, .fd = fd, .memory = memory, .device = *device, .data = data};
    for (unsigned i = 0; i < VHOST_USER_RINGS_MOST; i++)
        self->calls[i] = -1;
    int failed = uv_poll_init(loop, &self->poll, fd);
    if (failed) {
        holm_error_set_errno(error, -failed, "watch a vhost-user socket");
        close(fd);
        free(self);
        return NULL;
    }
    self->poll.data = self;
    uv_poll_start(&self->poll, UV_READABLE, vhost_user_ready);
    return self;
}

vring *vhost_user_ring(vhost_user *self, unsigned index) {
    return &self->rings[index];
}

void vhost_user_call(vhost_user *self, unsigned index) {
    uint64_t one = 1;
    if (self->calls[index] >= 0 && vring_wants_call(&self->rings[index]) &&
        write(self->calls[index], &one, sizeof one) < 0 && errno != EAGAIN)
        log_warning("ring %u: cannot call the driver", index);
}

static void vhost_user_closed(uv_handle_t *handle) {
    vhost_user *self = handle->data;
    close(self->fd);
    for (unsigned i = 0; i < VHOST_USER_RINGS_MOST; i++)
        if (self->calls[i] >= 0)
            close(self->calls[i]);
    close_fds(self);
    free(self);
}

void vhost_user_destroy(vhost_user *self) {
    if (!self)
        return;
    self->lost = true;
    for (unsigned i = 0; i < self->device.ring_count; i++)
        ring_stop(self, i);
    uv_close((uv_handle_t *)&self->poll, vhost_user_closed);
}
