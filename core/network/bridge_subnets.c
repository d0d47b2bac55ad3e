#include "core/network/bridge_subnets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define LOG_MODULE "net"
#include "core/base/log.h"
#include "core/base/watch.h"
#include "core/network/bridge_host.h"

#define MOST 1024

typedef struct subnet4 {
    uint32_t base, mask; // host byte order
} subnet4;

struct bridge_subnets {
    watch *changes;
    subnet4 *v4;
    uint8_t (*v6)[ETHERNET_IP6 / 2]; // each a /64
    size_t count4, count6;
};

static void add(bridge_subnets *self, const struct ifaddrs *one) {
    if (!one->ifa_addr || !one->ifa_netmask ||
        strncmp(one->ifa_name, BRIDGE_PREFIX, strlen(BRIDGE_PREFIX)) != 0)
        return;
    if (one->ifa_addr->sa_family == AF_INET && self->count4 < MOST) {
        const uint32_t mask = ntohl(((const struct sockaddr_in *)one->ifa_netmask)->sin_addr.s_addr);
        const uint32_t ip = ntohl(((const struct sockaddr_in *)one->ifa_addr)->sin_addr.s_addr);
        self->v4[self->count4++] = (subnet4){ip & mask, mask};
    } else if (one->ifa_addr->sa_family == AF_INET6 && self->count6 < MOST) {
        memcpy(self->v6[self->count6++], &((const struct sockaddr_in6 *)one->ifa_addr)->sin6_addr,
               sizeof self->v6[0]);
    }
}

static void read_all(bridge_subnets *self) {
    struct ifaddrs *all;
    if (getifaddrs(&all) < 0) {
        log_warning("list the addresses of the host: %s", strerror(errno));
        return;
    }
    self->count4 = self->count6 = 0;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next)
        add(self, one);
    freeifaddrs(all);
}

static void changed(void *data, int events) {
    bridge_subnets *self = data;
    char word[4096];
    (void)events;
    // What they say matters less than that there was one; where some were lost, an error says so.
    while (recv(watch_fd(self->changes), word, sizeof word, MSG_DONTWAIT) > 0 || errno == ENOBUFS)
        continue;
    read_all(self);
}

bridge_subnets *bridge_subnets_create(uv_loop_t *loop, holm_error **error) {
    const struct sockaddr_nl heard = {.nl_family = AF_NETLINK,
                                      .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    bridge_subnets *self = calloc(1, sizeof *self);
    if (!self || !(self->v4 = calloc(MOST, sizeof *self->v4)) || !(self->v6 = calloc(MOST, sizeof *self->v6)))
        abort();
    cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&heard, sizeof heard) < 0)
        holm_error_set_errno(error, errno, "listen for addresses of the host");
    else
        self->changes = watch_create(loop, steal_fd(&fd), changed, self, error);
    if (!self->changes) {
        bridge_subnets_destroy(self);
        return NULL;
    }
    watch_events(self->changes, UV_READABLE);
    read_all(self);
    return self;
}

void bridge_subnets_destroy(bridge_subnets *self) {
    if (!self)
        return;
    watch_destroy(self->changes);
    free(self->v4);
    free(self->v6);
    free(self);
}

bool bridge_subnets_have(const bridge_subnets *self, const ethernet_frame *frame) {
    for (size_t i = 0; frame->is_ipv4 && i < self->count4; i++)
        if ((frame->ipv4_destination & self->v4[i].mask) == self->v4[i].base)
            return true;
    for (size_t i = 0; frame->is_ipv6 && i < self->count6; i++)
        if (memcmp(frame->ipv6_destination, self->v6[i], sizeof self->v6[i]) == 0)
            return true;
    return false;
}
