#include "core/network/host_door.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/acceptor.h"
#include "core/network/datagram_relay.h"
#include "core/network/stream_dial.h"
#include "core/network/switch.h"

#define STREAMS_MOST 1024u // of a guest: what listens on the host is not for one of them alone

typedef struct side {
    host_door *door;
    inet_address own;
    acceptor *streams; // one of these
    datagram_relay *datagrams;
} side;

struct host_door {
    uv_loop_t *loop;
    host_guest *guests;
    side sides[4];
};

struct host_guest {
    host_door *door;
    host_guest *next, **link;
    ethernet_host is;
    stream_dials dials;
};

static bool is_at(const host_guest *self, const inet_address *address) {
    if (address->any.sa_family == AF_INET)
        return ntohl(address->v4.sin_addr.s_addr) == self->is.ip;
    return self->is.has_ip6 && memcmp(&address->v6.sin6_addr, self->is.ip6, ETHERNET_IP6) == 0;
}

static host_guest *find_guest(const host_door *self, const inet_address *from) {
    host_guest *each = self->guests;
    while (each && !is_at(each, from))
        each = each->next;
    return each;
}

// The port of the loopback; 0: it did not come by the rules.
static uint16_t find_port(const side *self, uint8_t protocol, const inet_address *from) {
    static const uint8_t host6[ETHERNET_IP6] = SWITCH_HOST_IP6;
    inet_address to;
    if (!conntrack_origin(protocol, from, &self->own, &to))
        return 0;
    if (to.any.sa_family == AF_INET ? ntohl(to.v4.sin_addr.s_addr) != SWITCH_HOST_IP
                                    : memcmp(&to.v6.sin6_addr, host6, sizeof host6) != 0)
        return 0;
    return ntohs(to.v4.sin_port);
}

static int open_loopback(bool v6, int type, uint16_t port) {
    const inet_address to =
        v6 ? inet_address_v6(in6addr_loopback.s6_addr, port) : inet_address_v4(INADDR_LOOPBACK, port);
    cleanup_close int fd = socket(to.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, &to.any, inet_address_length(&to)) < 0 && errno != EINPROGRESS))
        return -1;
    return steal_fd(&fd);
}

// ---- TCP ----

// The client was accepted before: what listens on the other loopback alone must be found from here.
static int open_stream(const inet_address *client, uint16_t port, bool refused, void *data) {
    (void)data;
    return open_loopback((client->any.sa_family == AF_INET6) != refused, SOCK_STREAM, port);
}

static void stream_taken(void *data, int fd, const struct sockaddr_storage *peer) {
    const side *self = data;
    static const relay_way way = {.open = open_stream};
    const inet_address from = {.room = *peer};
    cleanup_close int client = fd;
    host_guest *guest = find_guest(self->door, &from);
    uint16_t port = guest ? find_port(self, IPPROTO_TCP, &from) : 0;
    if (port && guest->dials.count + guest->dials.relays.count < STREAMS_MOST)
        stream_dial(&guest->dials, self->door->loop, steal_fd(&client), &from, port, &way);
}

// ---- UDP ----

static uint16_t find_datagram(const inet_address *client, void *data) {
    const side *self = data;
    return find_guest(self->door, client) ? find_port(self, IPPROTO_UDP, client) : 0;
}

static int open_datagram(const inet_address *client, uint16_t port, bool refused, void *data) {
    (void)data;
    return refused ? -1 : open_loopback(client->any.sa_family == AF_INET6, SOCK_DGRAM, port);
}

// ---- all of it ----

static bool open_side(host_door *door, side *self, inet_address own, int type, uint16_t *port) {
    self->door = door;
    self->own = own;
    if (type == SOCK_DGRAM) {
        const relay_way way = {.find = find_datagram, .open = open_datagram, .data = self};
        self->datagrams = datagram_relay_open(door->loop, &self->own, &way);
    } else {
        int fd = inet_address_listen(&self->own, type);
        self->streams = fd < 0 ? NULL : acceptor_create(door->loop, fd, stream_taken, self, NULL);
    }
    *port = ntohs(self->own.v4.sin_port);
    return self->streams || self->datagrams;
}

host_door *host_door_create(uv_loop_t *loop, bridge_network *network, holm_error **error) {
    host_door *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    const inet_address v4 = inet_address_v4(network->ip, 0), v6 = inet_address_v6(network->ip6, 0);
    bridge_door *ports = &network->door;
    if (open_side(self, &self->sides[0], v4, SOCK_STREAM, &ports->tcp) &&
        open_side(self, &self->sides[1], v4, SOCK_DGRAM, &ports->udp) &&
        (!network->has_ip6 || (open_side(self, &self->sides[2], v6, SOCK_STREAM, &ports->tcp6) &&
                               open_side(self, &self->sides[3], v6, SOCK_DGRAM, &ports->udp6))))
        return self;
    holm_error_set_errno(error, errno, "open the sockets of the host's loopback at the gateway's address");
    host_door_destroy(self);
    return NULL;
}

void host_door_destroy(host_door *self) {
    if (!self)
        return;
    for (size_t i = 0; i < array_length(self->sides); i++) {
        acceptor_destroy(self->sides[i].streams);
        if (self->sides[i].datagrams)
            datagram_relay_close(self->sides[i].datagrams);
    }
    free(self);
}

host_guest *host_door_admit(host_door *self, const ethernet_host *is) {
    host_guest *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    *made = (host_guest){.door = self, .next = self->guests, .link = &self->guests, .is = *is};
    if (made->next)
        made->next->link = &made->next;
    self->guests = made;
    return made;
}

void host_door_dismiss(host_guest *self) {
    if (!self)
        return;
    const inet_address v4 = inet_address_v4(self->is.ip, 0), v6 = inet_address_v6(self->is.ip6, 0);
    for (size_t i = 0; i < array_length(self->door->sides); i++)
        if (self->door->sides[i].datagrams)
            datagram_relay_forget(self->door->sides[i].datagrams,
                                  self->door->sides[i].own.any.sa_family == AF_INET ? &v4 : &v6);
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    stream_dials_finish(&self->dials);
    free(self);
}
