#include "vm/vsock_gate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LOG_MODULE "vsock-gate"
#include "core/base/acceptor.h"
#include "core/base/log.h"

#define CLIENTS_MOST 64
#define BACKLOG      128

// Somebody who has not said yet where to.
typedef struct client {
    uv_poll_t poll;
    int fd;
    char text[VSOCK_GATE_LINE_MOST];
    size_t length;
    vsock_gate *owner;
    struct client *next, **previous;
} client;

struct vsock_gate {
    uv_loop_t *loop;
    acceptor *listener;
    vsock *device;
    uint32_t fixed_port;
    char *path;
    client *clients; ///< the newest first
    unsigned count;
};

int vsock_gate_parse(const char *text, size_t length, uint32_t *port) {
    static const char word[] = "CONNECT ";
    size_t known = length < sizeof word - 1 ? length : sizeof word - 1;
    if (memcmp(text, word, known) != 0)
        return -1;
    uint64_t number = 0;
    size_t at = sizeof word - 1;
    for (; at < length && text[at] >= '0' && text[at] <= '9' && number <= UINT32_MAX; at++)
        number = number * 10 + (uint64_t)(text[at] - '0');
    if (number >= UINT32_MAX || length > VSOCK_GATE_LINE_MOST)
        return -1;
    if (at >= length)
        return length == VSOCK_GATE_LINE_MOST ? -1 : 0;
    if (text[at] != '\n' || at == sizeof word - 1)
        return -1;
    *port = (uint32_t)number;
    return (int)at + 1;
}

static void client_closed(uv_handle_t *handle) {
    client *self = handle->data;
    if (self->fd >= 0)
        close(self->fd);
    free(self);
}

static void client_remove(client *self) {
    *self->previous = self->next;
    if (self->next)
        self->next->previous = self->previous;
    self->owner->count--;
    uv_close((uv_handle_t *)&self->poll, client_closed);
}

static void dialled_plainly(int fd, uint32_t host_port, const holm_error *error, void *data) {
    (void)fd, (void)host_port, (void)data;
    if (error)
        log_info("%s", holm_error_message(error));
}

static void dialled_by_line(int fd, uint32_t host_port, const holm_error *error, void *data) {
    dialled_plainly(fd, host_port, error, data);
    if (error)
        return;
    char line[32];
    int length = snprintf(line, sizeof line, "OK %u\n", host_port);
    // The first bytes on this side of a fresh socket always fit.
    if (send(fd, line, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) != length)
        log_info("a client left before it was connected");
}

// Byte by byte, so that nothing behind the line is taken from the connection.
static int client_read(client *self, uint32_t *port) {
    int taken = 0;
    while (taken == 0) {
        ssize_t got = recv(self->fd, self->text + self->length, 1, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (got <= 0)
            return -1;
        self->length++;
        taken = vsock_gate_parse(self->text, self->length, port);
    }
    return taken;
}

static void client_ready(uv_poll_t *poll, int status, int events) {
    (void)events;
    client *self = poll->data;
    uint32_t port = 0;
    int taken = status < 0 ? -1 : client_read(self, &port);
    if (taken == 0)
        return;
    vsock *device = self->owner->device;
    int fd = taken > 0 ? steal_fd(&self->fd) : -1;
    client_remove(self);
    if (fd >= 0)
        vsock_dial(device, port, fd, dialled_by_line, NULL);
}

static void client_add(vsock_gate *self, int fd) {
    client *one = calloc(1, sizeof *one);
    if (!one)
        abort();
    *one = (client){.fd = fd, .owner = self, .next = self->clients, .previous = &self->clients};
    if (uv_poll_init(self->loop, &one->poll, fd) < 0) {
        close(fd);
        free(one);
        return;
    }
    one->poll.data = one;
    if (self->clients)
        self->clients->previous = &one->next;
    self->clients = one;
    uv_poll_start(&one->poll, UV_READABLE, client_ready);
    if (++self->count > CLIENTS_MOST) {
        // The one that has been silent for longest makes room.
        client *last = self->clients;
        while (last->next)
            last = last->next;
        client_remove(last);
    }
}

static void client_taken(void *data, int fd, const struct sockaddr_storage *peer) {
    vsock_gate *self = data;
    (void)peer;
    if (self->fixed_port)
        vsock_dial(self->device, self->fixed_port, fd, dialled_plainly, NULL);
    else
        client_add(self, fd);
}

static int gate_listen(const char *path, holm_error **error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the socket path %s is too long", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0) {
        holm_error_set_errno(error, errno, "listen on %s", path);
        return -1;
    }
    return steal_fd(&fd);
}

vsock_gate *vsock_gate_create(uv_loop_t *loop, vsock *device, const char *path, uint32_t fixed_port,
                              holm_error **error) {
    cleanup_close int fd = gate_listen(path, error);
    if (fd < 0)
        return NULL;
    vsock_gate *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (vsock_gate){.loop = loop, .device = device, .fixed_port = fixed_port};
    self->listener = acceptor_create(loop, steal_fd(&fd), client_taken, self, error);
    if (!self->listener) {
        free(self);
        return NULL;
    }
    self->path = strdup(path);
    return self;
}

void vsock_gate_destroy(vsock_gate *self) {
    if (!self)
        return;
    while (self->clients)
        client_remove(self->clients);
    unlink(self->path);
    acceptor_destroy(self->listener);
    free(self->path);
    free(self);
}
