#include "core/network/bridge_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_MODULE "publish"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/network/datagram_relay.h"

// The member has to answer by way of the gateway: not to itself, nor to who would be beside it.
static bool can_be_seen(const bridge_network *network, const inet_address *client) {
    if (client->any.sa_family == AF_INET) {
        const uint32_t ip = ntohl(client->v4.sin_addr.s_addr);
        return ip >> 24 != 127 && (ip & network->netmask) != (network->ip & network->netmask);
    }
    const struct in6_addr *ip6 = &client->v6.sin6_addr;
    return !IN6_IS_ADDR_LOOPBACK(ip6) && !IN6_IS_ADDR_LINKLOCAL(ip6) &&
           memcmp(ip6, network->ip6, ETHERNET_IP6 / 2) != 0;
}

static void disguise(bridge_member *self, int fd, int type, const inet_address *client,
                     const inet_address *member) {
    const uint8_t protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    inet_address own;
    socklen_t length = sizeof own;
    if (client->any.sa_family != member->any.sa_family || !can_be_seen(self->network, client) ||
        getsockname(fd, &own.any, &length) < 0)
        return;
    if (!conntrack_disguise(protocol, &own, member, client) && errno != self->told) {
        self->told = errno;
        log_warning("clients are seen as the gateway: %s", strerror(self->told));
    }
}

static int reach(bridge_member *self, int type, const inet_address *client, const inet_address *member) {
    const bridge_network *network = self->network;
    const inet_address own = member->any.sa_family == AF_INET6 ? inet_address_v6(network->ip6, 0)
                                                               : inet_address_v4(network->ip, 0);
    const socklen_t length = inet_address_length(member);
    cleanup_close int fd = socket(member->any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, &own.any, length) < 0)
        return -1;
    disguise(self, fd, type, client, member);
    if (connect(fd, &member->any, length) < 0 && errno != EINPROGRESS)
        return -1;
    return steal_fd(&fd);
}

int bridge_client_reach(bridge_member *member, int type, const inet_address *client, bool refused) {
    const bool has_v6 = client->any.sa_family == AF_INET6 && member->v6.any.sa_family == AF_INET6;
    if (refused && !has_v6)
        return -1;
    return reach(member, type, client, has_v6 && !refused ? &member->v6 : &member->v4);
}

// ---- datagrams ----

struct bridge_datagrams {
    datagram_relay *relay;
    bridge_member member;
};

static int open_towards(const inet_address *client, uint16_t number, bool refused, void *data) {
    bridge_datagrams *self = data;
    (void)number;
    return bridge_client_reach(&self->member, SOCK_DGRAM, client, refused);
}

static void renew(int fd, const inet_address *client, void *data) {
    bridge_datagrams *self = data;
    inet_address member;
    socklen_t length = sizeof member;
    if (getpeername(fd, &member.any, &length) == 0)
        disguise(&self->member, fd, SOCK_DGRAM, client, &member);
}

bridge_datagrams *bridge_datagrams_open(uv_loop_t *loop, inet_address *host, const bridge_member *member) {
    bridge_datagrams *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->member = *member;
    self->relay =
        datagram_relay_open(loop, host, &(relay_way){.open = open_towards, .renew = renew, .data = self});
    if (self->relay)
        return self;
    const int problem = errno;
    free(self);
    errno = problem;
    return NULL;
}

void bridge_datagrams_close(bridge_datagrams *self) {
    datagram_relay_close(self->relay);
    free(self);
}
