#include "core/network/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_PORT        32768u
#define CLIENTS_MOST      4096u // of a network; the one not heard of for longest makes room
#define DATAGRAMS_AT_ONCE 64

typedef struct client {
    datagram_port *port; // NULL: free
    struct sockaddr_storage address;
    socklen_t length;
    uint64_t used;
} client;

struct datagram_gate {
    uv_loop_t *loop;
    ethernet_end gateway;
    unsigned mtu;
    void (*frame)(const uint8_t *frame, size_t length, void *data);
    void *data;
    uint64_t clock;               // counts uses
    client clients[CLIENTS_MOST]; // known to the guest by FIRST_PORT and their place
};

struct datagram_port {
    uv_poll_t poll;
    datagram_gate *gate;
    int fd;
    ethernet_end guest;
};

datagram_gate *datagram_gate_create(uv_loop_t *loop, const ethernet_end *gateway, unsigned mtu,
                                    void (*frame)(const uint8_t *frame, size_t length, void *data),
                                    void *data) {
    datagram_gate *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    self->gateway = *gateway;
    self->mtu = mtu;
    self->frame = frame;
    self->data = data;
    return self;
}

void datagram_gate_destroy(datagram_gate *self) {
    free(self);
}

static client *client_of(datagram_gate *self, datagram_port *port, const struct sockaddr_storage *address,
                         socklen_t length) {
    client *oldest = &self->clients[0];
    for (size_t i = 0; i < CLIENTS_MOST; i++) {
        client *each = &self->clients[i];
        if (each->port == port && each->length == length && memcmp(&each->address, address, length) == 0)
            return each;
        if (each->used < oldest->used)
            oldest = each;
    }
    oldest->port = port;
    oldest->address = *address;
    oldest->length = length;
    return oldest;
}

static void port_ready(uv_poll_t *poll, int status, int events) {
    datagram_port *self = poll->data;
    datagram_gate *gate = self->gate;
    static _Thread_local uint8_t payload[UINT16_MAX], frame[ETHERNET_MAX];
    (void)status, (void)events;
    for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
        struct sockaddr_storage address = {0};
        socklen_t length = sizeof address;
        ssize_t got =
            recvfrom(self->fd, payload, sizeof payload, MSG_DONTWAIT, (struct sockaddr *)&address, &length);
        if (got < 0)
            return;
        client *from = client_of(gate, self, &address, length);
        from->used = ++gate->clock;
        ethernet_end source = gate->gateway;
        source.port = (uint16_t)(FIRST_PORT + (size_t)(from - gate->clients));
        size_t size = ethernet_make_udp(frame, &source, &self->guest, payload, (size_t)got, gate->mtu);
        if (size)
            gate->frame(frame, size, gate->data);
    }
}

void datagram_gate_input(datagram_gate *self, const ethernet_frame *frame) {
    if (!frame->is_udp || frame->destination_port < FIRST_PORT ||
        frame->destination_port - FIRST_PORT >= CLIENTS_MOST)
        return;
    client *to = &self->clients[frame->destination_port - FIRST_PORT];
    if (!to->port || to->port->guest.ip != frame->ipv4_source || to->port->guest.port != frame->source_port)
        return;
    to->used = ++self->clock;
    // A client that is gone or slow loses it, as anywhere on the way.
    (void)!sendto(to->port->fd, frame->payload, frame->payload_length, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)&to->address, to->length);
}

datagram_port *datagram_port_open(datagram_gate *gate, inet_address *host, const ethernet_end *guest) {
    int fd = inet_address_listen(host, SOCK_DGRAM);
    if (fd < 0)
        return NULL;
    datagram_port *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (datagram_port){.gate = gate, .fd = fd, .guest = *guest};
    uv_poll_init(gate->loop, &self->poll, fd);
    self->poll.data = self;
    uv_poll_start(&self->poll, UV_READABLE, port_ready);
    return self;
}

static void port_closed(uv_handle_t *handle) {
    free(handle->data);
}

void datagram_port_close(datagram_port *self) {
    for (size_t i = 0; i < CLIENTS_MOST; i++)
        if (self->gate->clients[i].port == self)
            self->gate->clients[i] = (client){0};
    uv_poll_stop(&self->poll);
    uv_close((uv_handle_t *)&self->poll, port_closed);
    close(self->fd); // now: the port is free at once
}
