#include "core/network/name_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/watch.h"
#include "core/network/relay.h"

#define AT_ONCE      64
#define QUERY_MOST   4096
#define BACKLOG      128
#define STREAMS_MOST 1024u // descriptors are for others, too

struct name_socket {
    uv_loop_t *loop;
    watch *datagrams, *streams; // NULL: none
    uint16_t port, stream_port;
    resolver *names;
    relay_list relays;
};

static void datagrams_ready(void *data, int events) {
    name_socket *self = data;
    static _Thread_local uint8_t query[QUERY_MOST];
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        ssize_t got = recvfrom(watch_fd(self->datagrams), query, sizeof query, MSG_DONTWAIT | MSG_TRUNC,
                               (struct sockaddr *)&from, &length);
        if (got < 0)
            return;
        static const uint8_t nobody[ETHERNET_ADDRESS];
        const ethernet_frame frame = {.destination = nobody,
                                      .source = nobody,
                                      .is_ipv4 = true,
                                      .ipv4_source = ntohl(from.sin_addr.s_addr),
                                      .has_ports = true,
                                      .source_port = ntohs(from.sin_port),
                                      .is_udp = true,
                                      .payload = query,
                                      .payload_length = (size_t)got};
        if ((size_t)got <= sizeof query)
            resolver_input(self->names, &frame);
    }
}

void name_socket_answer(name_socket *self, const uint8_t *bytes, size_t length) {
    ethernet_frame frame;
    if (!ethernet_parse(bytes, length, &frame) || !frame.is_udp)
        return;
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_addr = {htonl(frame.ipv4_destination)},
                                   .sin_port = htons(frame.destination_port)};
    // What cannot be sent is like what is lost: it is asked again.
    (void)!sendto(watch_fd(self->datagrams), frame.payload, frame.payload_length, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)&to, sizeof to);
}

static void streams_ready(void *data, int events) {
    name_socket *self = data;
    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        struct sockaddr_in6 to;
        int client = accept4(watch_fd(self->streams), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), off = 0;
        if (client < 0)
            return;
        if (self->relays.count >= STREAMS_MOST) {
            close(client);
            continue;
        }
        int server = resolver_server(self->names, &to)
                         ? socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
                         : -1;
        if (server >= 0)
            setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        if (server < 0 || (connect(server, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)) {
            close(client);
            if (server >= 0)
                close(server);
            continue;
        }
        relay_start(self->loop, &self->relays, client, server);
    }
}

static watch *open_at(name_socket *self, uint32_t ip, int type, watch_ready ready, uint16_t *port,
                      holm_error **error) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(ip)}};
    socklen_t length = sizeof at;
    cleanup_close int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ||
        (type == SOCK_STREAM && listen(fd, BACKLOG) < 0) ||
        getsockname(fd, (struct sockaddr *)&at, &length) < 0) {
        holm_error_set_errno(error, errno, "open the resolver's socket at the gateway's address");
        return NULL;
    }
    *port = ntohs(at.sin_port);
    watch *made = watch_create(self->loop, steal_fd(&fd), ready, self, error);
    if (made)
        watch_events(made, UV_READABLE);
    return made;
}

name_socket *name_socket_create(uv_loop_t *loop, uint32_t ip, bool streams, holm_error **error) {
    name_socket *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    self->datagrams = open_at(self, ip, SOCK_DGRAM, datagrams_ready, &self->port, error);
    if (self->datagrams && streams)
        self->streams = open_at(self, ip, SOCK_STREAM, streams_ready, &self->stream_port, error);
    if (self->datagrams && (self->streams || !streams))
        return self;
    name_socket_destroy(self);
    return NULL;
}

void name_socket_destroy(name_socket *self) {
    if (!self)
        return;
    relay_list_finish(&self->relays);
    watch_destroy(self->datagrams);
    watch_destroy(self->streams);
    free(self);
}

uint16_t name_socket_port(const name_socket *self) {
    return self->port;
}

uint16_t name_socket_stream_port(const name_socket *self) {
    return self->stream_port;
}

void name_socket_serve(name_socket *self, resolver *names) {
    self->names = names;
}
