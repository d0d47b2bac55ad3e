#include "core/network/datagram_relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/watch.h"

#define CLIENTS_MOST 512u // of a port; the one not heard of for longest makes room
#define AT_ONCE      64
#define FRESH_MS     10000 // as long as the host surely knows a flow of datagrams (nf_conntrack_udp_timeout)

typedef struct client {
    datagram_relay *owner;
    watch *towards; // NULL: free
    inet_address address;
    socklen_t length;
    uint16_t number;
    uint64_t used, used_ms;
} client;

struct datagram_relay {
    uv_loop_t *loop;
    watch *host;
    relay_way way;
    uint64_t clock; // counts uses
    client clients[CLIENTS_MOST];
};

static _Thread_local uint8_t payload[UINT16_MAX];

static void use(client *self) {
    self->used = ++self->owner->clock;
    self->used_ms = uv_now(self->owner->loop);
}

static bool connect_client(client *self, bool refused);

static void guest_ready(void *data, int events) {
    client *self = data;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        ssize_t got = recv(watch_fd(self->towards), payload, sizeof payload, MSG_DONTWAIT);
        if (got < 0) {
            // Nobody may listen there: the next datagram may find someone.
            if (errno == ECONNREFUSED)
                connect_client(self, true);
            return;
        }
        use(self);
        // A client that is gone or slow loses it, as anywhere on the way.
        (void)!sendto(watch_fd(self->owner->host), payload, (size_t)got, MSG_DONTWAIT | MSG_NOSIGNAL,
                      &self->address.any, self->length);
    }
}

static bool connect_client(client *self, bool refused) {
    const relay_way *way = &self->owner->way;
    int fd = way->open(&self->address, self->number, refused, way->data);
    if (fd < 0)
        return false;
    watch_destroy(self->towards);
    self->towards = watch_create(self->owner->loop, fd, guest_ready, self, NULL);
    watch_events(self->towards, UV_READABLE);
    return self->towards != NULL;
}

static client *client_of(datagram_relay *self, const inet_address *address, socklen_t length,
                         uint16_t number) {
    client *oldest = &self->clients[0];
    for (size_t i = 0; i < CLIENTS_MOST; i++) {
        client *each = &self->clients[i];
        if (each->towards && each->number == number && each->length == length &&
            memcmp(&each->address, address, length) == 0)
            return each;
        if (each->used < oldest->used)
            oldest = each;
    }
    watch_destroy(oldest->towards);
    *oldest = (client){.owner = self, .address = *address, .length = length, .number = number};
    use(oldest);
    return connect_client(oldest, false) ? oldest : NULL;
}

static void take(datagram_relay *self, const inet_address *address, socklen_t length, size_t size) {
    uint16_t number = self->way.find ? self->way.find(address, self->way.data) : 1;
    client *from = number ? client_of(self, address, length, number) : NULL;
    if (!from)
        return;
    if (self->way.renew && uv_now(self->loop) - from->used_ms > FRESH_MS)
        self->way.renew(watch_fd(from->towards), address, self->way.data);
    use(from);
    (void)!send(watch_fd(from->towards), payload, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void host_ready(void *data, int events) {
    datagram_relay *self = data;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        inet_address address = {0};
        socklen_t length = sizeof address;
        ssize_t got =
            recvfrom(watch_fd(self->host), payload, sizeof payload, MSG_DONTWAIT, &address.any, &length);
        if (got < 0)
            return;
        take(self, &address, length, (size_t)got);
    }
}

datagram_relay *datagram_relay_open(uv_loop_t *loop, inet_address *host, const relay_way *way) {
    int fd = inet_address_listen(host, SOCK_DGRAM);
    if (fd < 0)
        return NULL;
    datagram_relay *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    self->way = *way;
    self->host = watch_create(loop, fd, host_ready, self, NULL);
    if (!self->host) {
        free(self);
        errno = ENOMEM;
        return NULL;
    }
    watch_events(self->host, UV_READABLE);
    return self;
}

void datagram_relay_forget(datagram_relay *self, const inet_address *address) {
    for (size_t i = 0; i < CLIENTS_MOST; i++)
        if (self->clients[i].towards && inet_address_same_host(&self->clients[i].address, address)) {
            watch_destroy(self->clients[i].towards);
            self->clients[i] = (client){0};
        }
}

void datagram_relay_close(datagram_relay *self) {
    for (size_t i = 0; i < CLIENTS_MOST; i++)
        watch_destroy(self->clients[i].towards);
    watch_destroy(self->host); // now: the port is free at once
    free(self);
}
