#include "core/network/inet_address.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"

#define BACKLOG 4096

socklen_t inet_address_length(const inet_address *self) {
    return self->any.sa_family == AF_INET6 ? sizeof self->v6 : sizeof self->v4;
}

inet_address inet_address_v4(uint32_t ip, uint16_t port) {
    inet_address made = {0};
    made.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(ip)}, .sin_port = htons(port)};
    return made;
}

inet_address inet_address_v6(const uint8_t ip6[16], uint16_t port) {
    inet_address made = {0};
    made.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&made.v6.sin6_addr, ip6, sizeof made.v6.sin6_addr);
    return made;
}

bool inet_address_same_host(const inet_address *self, const inet_address *other) {
    if (self->any.sa_family != other->any.sa_family)
        return false;
    return self->any.sa_family == AF_INET6
               ? memcmp(&self->v6.sin6_addr, &other->v6.sin6_addr, sizeof self->v6.sin6_addr) == 0
               : self->v4.sin_addr.s_addr == other->v4.sin_addr.s_addr;
}

int inet_address_listen(inet_address *self, int type) {
    const int on = 1;
    socklen_t length = inet_address_length(self);
    cleanup_close int fd = socket(self->any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        (self->any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) ||
        bind(fd, &self->any, length) < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0) ||
        getsockname(fd, &self->any, &length) < 0)
        return -1;
    return steal_fd(&fd);
}
