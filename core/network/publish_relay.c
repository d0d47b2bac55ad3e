#include "core/network/publish_relay.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/acceptor.h"
#include "core/network/stream_dial.h"

struct publish_relay {
    uv_loop_t *loop;
    acceptor *host;
    bridge_member member;
    gateway *outside;         // NULL: on a bridge
    gateway_forward *forward; // NULL: the same
    struct sockaddr_in inner; // of the forward
    stream_dials dials;
};

static int open_towards(const inet_address *client, uint16_t number, bool refused, void *data) {
    publish_relay *self = data;
    (void)number;
    if (!self->forward)
        return bridge_client_reach(&self->member, SOCK_STREAM, client, refused);
    cleanup_close int fd = refused ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        (connect(fd, (const struct sockaddr *)&self->inner, sizeof self->inner) < 0 && errno != EINPROGRESS))
        return -1;
    return steal_fd(&fd);
}

static void client_taken(void *data, int client, const struct sockaddr_storage *peer) {
    publish_relay *self = data;
    const relay_way way = {.open = open_towards, .data = self};
    const inet_address from = {.room = *peer};
    stream_dial(&self->dials, self->loop, client, &from, 1, &way);
}

publish_relay *publish_relay_open(uv_loop_t *loop, inet_address *host, const bridge_member *member,
                                  gateway *outside) {
    int fd = inet_address_listen(host, SOCK_STREAM);
    if (fd < 0)
        return NULL;
    publish_relay *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (publish_relay){.loop = loop, .member = *member, .outside = outside};
    if (outside) {
        const struct sockaddr_in to = member->v4.v4;
        self->inner = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        self->forward =
            gateway_forward_open(outside, &self->inner, ntohl(to.sin_addr.s_addr), ntohs(to.sin_port));
    }
    const int problem = errno;
    if (outside && !self->forward)
        close(fd);
    else
        self->host = acceptor_create(loop, fd, client_taken, self, NULL);
    if (self->host)
        return self;
    publish_relay_close(self);
    errno = problem;
    return NULL;
}

void publish_relay_close(publish_relay *self) {
    if (self->forward)
        gateway_forward_close(self->outside, self->forward);
    stream_dials_finish(&self->dials);
    acceptor_destroy(self->host); // now: the port is free at once
    free(self);
}
