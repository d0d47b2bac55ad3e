#include "core/network/name_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/acceptor.h"
#include "core/base/watch.h"
#include "core/network/relay.h"

#define AT_ONCE      64
#define QUERY_MOST   4096
#define BACKLOG      128
#define STREAMS_MOST 1024u // descriptors are for others, too

struct name_socket {
    uv_loop_t *loop;
    watch *datagrams;
    acceptor *streams; // NULL: none
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

static void stream_taken(void *data, int fd, const struct sockaddr_storage *peer) {
    name_socket *self = data;
    const int off = 0;
    struct sockaddr_in6 to;
    (void)peer;
    cleanup_close int client = fd;
    if (self->relays.count >= STREAMS_MOST || !resolver_server(self->names, &to))
        return;
    cleanup_close int server = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server < 0 || setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0 ||
        (connect(server, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS))
        return;
    relay_start(self->loop, &self->relays, steal_fd(&client), steal_fd(&server));
}

static int open_at(uint32_t ip, int type, uint16_t *port, holm_error **error) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(ip)}};
    socklen_t length = sizeof at;
    cleanup_close int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ||
        (type == SOCK_STREAM && listen(fd, BACKLOG) < 0) ||
        getsockname(fd, (struct sockaddr *)&at, &length) < 0) {
        holm_error_set_errno(error, errno, "open the resolver's socket at the gateway's address");
        return -1;
    }
    *port = ntohs(at.sin_port);
    return steal_fd(&fd);
}

name_socket *name_socket_create(uv_loop_t *loop, uint32_t ip, bool streams, holm_error **error) {
    name_socket *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    int fd = open_at(ip, SOCK_DGRAM, &self->port, error);
    self->datagrams = fd < 0 ? NULL : watch_create(loop, fd, datagrams_ready, self, error);
    watch_events(self->datagrams, UV_READABLE);
    if (self->datagrams && streams && (fd = open_at(ip, SOCK_STREAM, &self->stream_port, error)) >= 0)
        self->streams = acceptor_create(loop, fd, stream_taken, self, error);
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
    acceptor_destroy(self->streams);
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
