#include "core/network/datagram_relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/watch.h"
#include "core/network/datagram.h"

#define CLIENTS_MOST 512u // of a port; the one not heard of for longest makes room
#define AT_ONCE      64

typedef struct client {
    datagram_relay *owner;
    watch *towards; // NULL: free
    struct sockaddr_storage address;
    socklen_t length;
    uint64_t used;
} client;

struct datagram_relay {
    uv_loop_t *loop;
    watch *host;
    struct sockaddr_in guest;
    uint64_t clock; // counts uses
    client clients[CLIENTS_MOST];
};

static _Thread_local uint8_t payload[UINT16_MAX];

static void guest_ready(void *data, int events) {
    client *self = data;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        ssize_t got = recv(watch_fd(self->towards), payload, sizeof payload, MSG_DONTWAIT);
        if (got < 0)
            return; // nobody may listen there: the next datagram may find someone
        self->used = ++self->owner->clock;
        // A client that is gone or slow loses it, as anywhere on the way.
        (void)!sendto(watch_fd(self->owner->host), payload, (size_t)got, MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&self->address, self->length);
    }
}

static client *client_of(datagram_relay *self, const struct sockaddr_storage *address, socklen_t length) {
    client *oldest = &self->clients[0];
    for (size_t i = 0; i < CLIENTS_MOST; i++) {
        client *each = &self->clients[i];
        if (each->towards && each->length == length && memcmp(&each->address, address, length) == 0)
            return each;
        if (each->used < oldest->used)
            oldest = each;
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&self->guest, sizeof self->guest) < 0) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    watch_destroy(oldest->towards);
    *oldest = (client){.owner = self, .address = *address, .length = length};
    oldest->towards = watch_create(self->loop, fd, guest_ready, oldest, NULL);
    if (!oldest->towards)
        return NULL;
    watch_events(oldest->towards, UV_READABLE);
    return oldest;
}

static void host_ready(void *data, int events) {
    datagram_relay *self = data;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        struct sockaddr_storage address = {0};
        socklen_t length = sizeof address;
        ssize_t got = recvfrom(watch_fd(self->host), payload, sizeof payload, MSG_DONTWAIT,
                               (struct sockaddr *)&address, &length);
        if (got < 0)
            return;
        client *from = client_of(self, &address, length);
        if (!from)
            continue;
        from->used = ++self->clock;
        (void)!send(watch_fd(from->towards), payload, (size_t)got, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

datagram_relay *datagram_relay_open(uv_loop_t *loop, struct sockaddr *host, socklen_t length,
                                    const struct sockaddr_in *guest) {
    int fd = datagram_socket_open(host, length);
    if (fd < 0)
        return NULL;
    datagram_relay *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    self->guest = *guest;
    self->host = watch_create(loop, fd, host_ready, self, NULL);
    if (!self->host) {
        free(self);
        errno = ENOMEM;
        return NULL;
    }
    watch_events(self->host, UV_READABLE);
    return self;
}

void datagram_relay_close(datagram_relay *self) {
    for (size_t i = 0; i < CLIENTS_MOST; i++)
        watch_destroy(self->clients[i].towards);
    watch_destroy(self->host); // now: the port is free at once
    free(self);
}
