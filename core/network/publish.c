#include "core/network/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/network/bridge_client.h"
#include "core/network/datagram.h"
#include "core/network/publish_relay.h"

typedef struct entry {
    gateway_forward *forward; // one of these
    publish_relay *relay;
    datagram_port *datagrams;
    bridge_datagrams *direct;
    char address[INET6_ADDRSTRLEN]; // of the host, as it was asked for
    uint32_t host, container;
    bool udp;
    bool taken; // by the member's next list: both have it for a moment
} entry;

struct published {
    port_publisher *owner;
    size_t count;
    entry entries[];
};

struct port_publisher {
    uv_loop_t *loop;
    gateway *outside; // NULL: on a bridge
    bridge_network network;
    datagram_gate *datagrams;
};

port_publisher *publisher_create(uv_loop_t *loop, gateway *outside, const ethernet_end *own,
                                 const gateway_options *options) {
    port_publisher *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    self->outside = outside;
    self->datagrams = datagram_gate_create(loop, own, options->mtu, options->frame, options->data);
    return self;
}

port_publisher *publisher_create_bridge(uv_loop_t *loop, const bridge_network *network) {
    port_publisher *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    self->network = *network;
    self->network.name = NULL;
    return self;
}

void publisher_destroy(port_publisher *self) {
    if (!self)
        return;
    datagram_gate_destroy(self->datagrams);
    free(self);
}

void publisher_input(port_publisher *self, const ethernet_frame *frame) {
    datagram_gate_input(self->datagrams, frame);
}

// ---- all kinds ----

static bool parse_host(const Holm__Network__V1__PublishedPort *port, inet_address *out) {
    *out = (inet_address){0};
    if (inet_pton(AF_INET, port->host_address, &out->v4.sin_addr) == 1)
        out->any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, port->host_address, &out->v6.sin6_addr) == 1)
        out->any.sa_family = AF_INET6;
    else
        return false;
    return port->host_port <= UINT16_MAX && port->preferred_port <= UINT16_MAX && port->container_port >= 1 &&
           port->container_port <= UINT16_MAX;
}

static bridge_member member_of(const port_publisher *self, const publish_guest *guest, uint16_t port) {
    bridge_member out = {.network = &self->network};
    out.v4 = inet_address_v4(guest->is.ip, port);
    if (guest->is.has_ip6)
        out.v6 = inet_address_v6(guest->is.ip6, port);
    return out;
}

// Port 0 to the one that was chosen; 0: errno says why not.
static uint32_t entry_open(port_publisher *self, entry *out, inet_address *host, uint32_t number, bool udp,
                           const publish_guest *guest, uint16_t to) {
    bool v4 = host->any.sa_family == AF_INET;
    in_port_t *port = v4 ? &host->v4.sin_port : &host->v6.sin6_port;
    const bridge_member direct = member_of(self, guest, to);
    ethernet_end end = {.ip = guest->is.ip, .port = to};
    memcpy(end.mac, guest->mac, sizeof end.mac);
    *port = htons((uint16_t)number);
    if (udp && self->outside)
        out->datagrams = datagram_port_open(self->datagrams, host, &end);
    else if (udp)
        out->direct = bridge_datagrams_open(self->loop, host, &direct);
    else if (v4 && self->outside)
        out->forward = gateway_forward_open(self->outside, &host->v4, end.ip, end.port);
    else
        out->relay = publish_relay_open(self->loop, host, &direct, self->outside);
    return out->datagrams || out->direct || out->forward || out->relay ? ntohs(*port) : 0;
}

static int publish(port_publisher *self, entry *out, const Holm__Network__V1__PublishedPort *port,
                   const publish_guest *guest, uint32_t *chosen, holm_error **error) {
    inet_address host;
    if (!parse_host(port, &host)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "%.60s:%u leads to no port %u", port->host_address,
                       port->host_port, port->container_port);
        return -1;
    }
    const uint16_t to = (uint16_t)port->container_port;
    *chosen = 0;
    if (!port->host_port && port->preferred_port)
        *chosen = entry_open(self, out, &host, port->preferred_port, port->udp, guest, to);
    if (!*chosen)
        *chosen = entry_open(self, out, &host, port->host_port, port->udp, guest, to);
    if (*chosen)
        return 0;
    int problem = errno;
    bool v6 = host.any.sa_family == AF_INET6;
    holm_error_set_errno(error, problem, "publish the port %s%s%s:%u%s", v6 ? "[" : "", port->host_address,
                         v6 ? "]" : "", port->host_port, port->udp ? "/udp" : "");
    return -1;
}

// ---- the ports of a member ----

static void entry_close(const port_publisher *owner, const entry *self) {
    if (self->forward)
        gateway_forward_close(owner->outside, self->forward);
    if (self->relay)
        publish_relay_close(self->relay);
    if (self->datagrams)
        datagram_port_close(self->datagrams);
    if (self->direct)
        bridge_datagrams_close(self->direct);
}

static bool is_same(const entry *self, const Holm__Network__V1__PublishedPort *port) {
    uint32_t host = port->host_port ? port->host_port : port->preferred_port;
    return !self->taken && self->host == host && self->container == port->container_port &&
           self->udp == (port->udp != 0) && strcmp(self->address, port->host_address) == 0;
}

// What is open of `before` and asked for again: it stays in `before` until nothing can fail any more.
static entry *find_same(published *before, const Holm__Network__V1__PublishedPort *port) {
    for (size_t i = 0; before && i < before->count; i++)
        if (is_same(&before->entries[i], port))
            return &before->entries[i];
    return NULL;
}

// Closes what only `one` has.
static void close_own(published *one) {
    for (size_t i = 0; i < one->count; i++)
        if (!one->entries[i].taken)
            entry_close(one->owner, &one->entries[i]);
    free(one);
}

static void give_back(published *before) {
    for (size_t i = 0; before && i < before->count; i++)
        before->entries[i].taken = false;
}

static int entry_make(published *made, published *before, const Holm__Network__V1__PublishedPort *port,
                      const publish_guest *guest, uint32_t *chosen, holm_error **error) {
    entry *out = &made->entries[made->count], *same = find_same(before, port);
    if (same) {
        *out = *same;
        same->taken = out->taken = true;
        *chosen = same->host;
    } else {
        if (publish(made->owner, out, port, guest, chosen, error) < 0)
            return -1;
        out->host = *chosen;
        out->container = port->container_port;
        out->udp = port->udp != 0;
        snprintf(out->address, sizeof out->address, "%s", port->host_address);
    }
    made->count++;
    return 0;
}

published *publisher_open(port_publisher *self, published *before, const publish_guest *guest,
                          Holm__Network__V1__PublishedPort **ports, size_t count, uint32_t *chosen,
                          size_t *failed, holm_error **error) {
    published *made = calloc(1, sizeof *made + count * sizeof made->entries[0]);
    if (!made)
        abort();
    made->owner = self;
    for (size_t i = 0; i < count; i++)
        if (entry_make(made, before, ports[i], guest, &chosen[i], error) < 0) {
            *failed = i;
            close_own(made);
            give_back(before);
            return NULL;
        }
    if (before)
        close_own(before);
    for (size_t i = 0; i < count; i++)
        made->entries[i].taken = false;
    return made;
}

void published_close(published *self) {
    if (self)
        close_own(self);
}
