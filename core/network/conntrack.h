// The host's table of connections (nf_conntrack), by ctnetlink: what NAT does to one of them, told before its
// first packet, without a rule for it. Needs CAP_NET_ADMIN, and rules of ours that have NAT in them.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/// IPv4 or IPv6, with a port.
typedef union inet_address {
    struct sockaddr_storage room;
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} inet_address;

socklen_t inet_address_length(const inet_address *self);

/// What goes from `own` to `to` looks there as if it came from `as`, with another port than that where it is
/// taken; what comes back finds the way. All three of one family, `protocol` is TCP or UDP. One that is known
/// already stays as it is. False: errno says why not.
bool conntrack_disguise(uint8_t protocol, const inet_address *own, const inet_address *to,
                        const inet_address *as);
