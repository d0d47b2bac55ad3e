#include "core/network/publish_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/watch.h"
#include "core/network/relay.h"

#define BACKLOG         4096
#define ACCEPTS_AT_ONCE 64

// A client of IPv6, until the member has said whether anyone listens there.
typedef struct attempt {
    publish_relay *owner;
    struct attempt *next, **link;
    watch *server;
    int client;
    inet_address from;
} attempt;

struct publish_relay {
    uv_loop_t *loop;
    watch *host;
    bridge_member member;
    gateway *outside;
    gateway_forward *forward; // NULL: on a bridge
    struct sockaddr_in inner; // of the forward
    attempt *attempts;
    relay_list relays;
};

// ---- IPv6, where the member may listen to IPv4 only ----

static void attempt_free(attempt *self) {
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    watch_destroy(self->server);
    if (self->client >= 0)
        close(self->client);
    free(self);
}

static void join(publish_relay *self, int *client, int server) {
    if (server >= 0)
        relay_start(self->loop, &self->relays, steal_fd(client), server);
}

static void attempt_ready(void *data, int events) {
    attempt *self = data;
    publish_relay *owner = self->owner;
    int failed = 0, server = -1;
    socklen_t length = sizeof failed;
    (void)events;
    if (getsockopt(watch_fd(self->server), SOL_SOCKET, SO_ERROR, &failed, &length) < 0)
        failed = errno;
    if (failed == ECONNREFUSED)
        server = bridge_client_open(owner->member.network, SOCK_STREAM, &self->from, &owner->member.v4);
    else if (!failed)
        server = fcntl(watch_fd(self->server), F_DUPFD_CLOEXEC, 0);
    join(owner, &self->client, server);
    attempt_free(self);
}

static void attempt_start(publish_relay *owner, int *client, const inet_address *from) {
    int server = bridge_client_open(owner->member.network, SOCK_STREAM, from, &owner->member.v6);
    attempt *self = server < 0 ? NULL : calloc(1, sizeof *self);
    if (!self)
        return;
    *self = (attempt){.owner = owner, .next = owner->attempts, .link = &owner->attempts, .from = *from};
    self->client = steal_fd(client);
    if (self->next)
        self->next->link = &self->next;
    owner->attempts = self;
    self->server = watch_create(owner->loop, server, attempt_ready, self, NULL);
    if (self->server)
        watch_events(self->server, UV_WRITABLE);
    else
        attempt_free(self);
}

// ---- listening ----

static int reach_forward(const publish_relay *self) {
    cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        (connect(fd, (const struct sockaddr *)&self->inner, sizeof self->inner) < 0 && errno != EINPROGRESS))
        return -1;
    return steal_fd(&fd);
}

static void host_ready(void *data, int events) {
    publish_relay *self = data;
    (void)events;
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        inet_address from;
        socklen_t length = sizeof from;
        cleanup_close int client =
            accept4(watch_fd(self->host), &from.any, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0)
            return;
        if (self->forward)
            join(self, &client, reach_forward(self));
        else if (from.any.sa_family == AF_INET6 && self->member.v6.any.sa_family == AF_INET6)
            attempt_start(self, &client, &from);
        else
            join(self, &client,
                 bridge_client_open(self->member.network, SOCK_STREAM, &from, &self->member.v4));
    }
}

static int listen_at(inet_address *host) {
    const int on = 1;
    socklen_t length = inet_address_length(host);
    cleanup_close int fd = socket(host->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        (host->any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 || bind(fd, &host->any, length) < 0 ||
        listen(fd, BACKLOG) < 0 || getsockname(fd, &host->any, &length) < 0)
        return -1;
    return steal_fd(&fd);
}

publish_relay *publish_relay_open(uv_loop_t *loop, inet_address *host, const bridge_member *member,
                                  gateway *outside) {
    int fd = listen_at(host);
    if (fd < 0)
        return NULL;
    publish_relay *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (publish_relay){.loop = loop, .member = *member, .outside = outside};
    if (outside) {
        const struct sockaddr_in to = self->member.v4.v4;
        self->inner = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        self->forward =
            gateway_forward_open(outside, &self->inner, ntohl(to.sin_addr.s_addr), ntohs(to.sin_port));
    }
    const int problem = errno;
    if (outside && !self->forward)
        close(fd);
    else
        self->host = watch_create(loop, fd, host_ready, self, NULL);
    if (self->host) {
        watch_events(self->host, UV_READABLE);
        return self;
    }
    publish_relay_close(self);
    errno = problem;
    return NULL;
}

void publish_relay_close(publish_relay *self) {
    if (self->forward)
        gateway_forward_close(self->outside, self->forward);
    while (self->attempts)
        attempt_free(self->attempts);
    relay_list_finish(&self->relays);
    watch_destroy(self->host); // now: the port is free at once
    free(self);
}
