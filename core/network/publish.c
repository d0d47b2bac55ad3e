#include "core/network/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/network/datagram.h"
#include "core/network/datagram_relay.h"
#include "core/network/relay.h"

#define BACKLOG         4096
#define ACCEPTS_AT_ONCE 64

// libslirp forwards to an IPv4 guest from IPv4 only. Clients of an IPv6 address go through a relay to a
// forward on the host's loopback. On a bridge all clients go through one, to the guest itself.
typedef struct listener {
    uv_poll_t poll;
    int fd;
    port_publisher *owner;
    gateway_forward *forward; // NULL: on a bridge
    struct sockaddr_in inner;
    relay_list relays;
} listener;

typedef struct entry {
    gateway_forward *forward; // one of these
    listener *listener;
    datagram_port *datagrams;
    datagram_relay *relay;
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
    gateway *outside; // NULL: the host itself reaches the members, on a bridge
    datagram_gate *datagrams;
};

port_publisher *publisher_create(uv_loop_t *loop, gateway *outside, const ethernet_end *own,
                                 const gateway_options *options) {
    port_publisher *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    self->outside = outside;
    if (outside)
        self->datagrams = datagram_gate_create(loop, own, options->mtu, options->frame, options->data);
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

// ---- through a relay ----

static void listener_ready(uv_poll_t *poll, int status, int events) {
    listener *self = poll->data;
    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        int client = accept4(self->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0)
            return;
        int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (server < 0 || (connect(server, (struct sockaddr *)&self->inner, sizeof self->inner) < 0 &&
                           errno != EINPROGRESS)) {
            close(client);
            if (server >= 0)
                close(server);
            return;
        }
        relay_start(self->owner->loop, &self->relays, client, server);
    }
}

static int listen_at(struct sockaddr *host, socklen_t length) {
    int fd = socket(host->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0)
        return -1;
    if ((host->sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 || bind(fd, host, length) < 0 ||
        listen(fd, BACKLOG) < 0 || getsockname(fd, host, &length) < 0) {
        int problem = errno;
        close(fd);
        errno = problem;
        return -1;
    }
    return fd;
}

static struct sockaddr_in address_of(const ethernet_end *guest) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr = {htonl(guest->ip)}, .sin_port = htons(guest->port)};
}

static listener *listener_open(port_publisher *owner, struct sockaddr *host, socklen_t length,
                               const ethernet_end *guest) {
    int fd = listen_at(host, length);
    if (fd < 0)
        return NULL;
    struct sockaddr_in inner = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    gateway_forward *forward =
        owner->outside ? gateway_forward_open(owner->outside, &inner, guest->ip, guest->port) : NULL;
    if (owner->outside && !forward) {
        int problem = errno;
        close(fd);
        errno = problem;
        return NULL;
    }
    listener *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (listener){.fd = fd, .owner = owner, .forward = forward};
    self->inner = forward ? inner : address_of(guest);
    uv_poll_init(owner->loop, &self->poll, fd);
    self->poll.data = self;
    uv_poll_start(&self->poll, UV_READABLE, listener_ready);
    return self;
}

static void listener_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void listener_close(listener *self) {
    if (self->forward)
        gateway_forward_close(self->owner->outside, self->forward);
    relay_list_finish(&self->relays);
    uv_poll_stop(&self->poll);
    uv_close((uv_handle_t *)&self->poll, listener_closed);
    close(self->fd);
}

// ---- all kinds ----

typedef union host_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} host_address;

static bool parse_host(const Holm__Network__V1__PublishedPort *port, host_address *out) {
    *out = (host_address){0};
    if (inet_pton(AF_INET, port->host_address, &out->v4.sin_addr) == 1)
        out->any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, port->host_address, &out->v6.sin6_addr) == 1)
        out->any.sa_family = AF_INET6;
    else
        return false;
    return port->host_port <= UINT16_MAX && port->preferred_port <= UINT16_MAX && port->container_port >= 1 &&
           port->container_port <= UINT16_MAX;
}

// Port 0 to the one that was chosen; 0: errno says why not.
static uint32_t entry_open(port_publisher *self, entry *out, host_address *host, uint32_t number, bool udp,
                           const ethernet_end *guest) {
    bool v4 = host->any.sa_family == AF_INET;
    in_port_t *port = v4 ? &host->v4.sin_port : &host->v6.sin6_port;
    const socklen_t length = v4 ? sizeof host->v4 : sizeof host->v6;
    const struct sockaddr_in direct = address_of(guest);
    *port = htons((uint16_t)number);
    if (udp && self->outside)
        out->datagrams = datagram_port_open(self->datagrams, &host->any, length, guest);
    else if (udp)
        out->relay = datagram_relay_open(self->loop, &host->any, length, &direct);
    else if (v4 && self->outside)
        out->forward = gateway_forward_open(self->outside, &host->v4, guest->ip, guest->port);
    else
        out->listener = listener_open(self, &host->any, length, guest);
    return out->datagrams || out->relay || out->forward || out->listener ? ntohs(*port) : 0;
}

static int publish(port_publisher *self, entry *out, const Holm__Network__V1__PublishedPort *port,
                   ethernet_end guest, uint32_t *chosen, holm_error **error) {
    host_address host;
    if (!parse_host(port, &host)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "%.60s:%u leads to no port %u", port->host_address,
                       port->host_port, port->container_port);
        return -1;
    }
    guest.port = (uint16_t)port->container_port;
    *chosen = 0;
    if (!port->host_port && port->preferred_port)
        *chosen = entry_open(self, out, &host, port->preferred_port, port->udp, &guest);
    if (!*chosen)
        *chosen = entry_open(self, out, &host, port->host_port, port->udp, &guest);
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
    if (self->listener)
        listener_close(self->listener);
    if (self->datagrams)
        datagram_port_close(self->datagrams);
    if (self->relay)
        datagram_relay_close(self->relay);
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
                      const ethernet_end *guest, uint32_t *chosen, holm_error **error) {
    entry *out = &made->entries[made->count], *same = find_same(before, port);
    if (same) {
        *out = *same;
        same->taken = out->taken = true;
        *chosen = same->host;
    } else {
        if (publish(made->owner, out, port, *guest, chosen, error) < 0)
            return -1;
        out->host = *chosen;
        out->container = port->container_port;
        out->udp = port->udp != 0;
        snprintf(out->address, sizeof out->address, "%s", port->host_address);
    }
    made->count++;
    return 0;
}

published *publisher_open(port_publisher *self, published *before, const ethernet_end *guest,
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
