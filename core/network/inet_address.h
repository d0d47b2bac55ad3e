// An address of IPv4 or IPv6, with a port, and sockets there.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

typedef union inet_address {
    struct sockaddr_storage room;
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6; ///< its port is where that of v4 is
} inet_address;

socklen_t inet_address_length(const inet_address *self);
/// `ip` is in host byte order.
inet_address inet_address_v4(uint32_t ip, uint16_t port);
inet_address inet_address_v6(const uint8_t ip6[16], uint16_t port);

/// Whatever their ports.
bool inet_address_same_host(const inet_address *self, const inet_address *other);

/// A socket of SOCK_STREAM, which listens, or SOCK_DGRAM that is bound there (port 0: one is chosen, and
/// filled in), not blocking. -1: errno says why not.
int inet_address_listen(inet_address *self, int type);
