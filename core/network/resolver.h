// The resolver of a network, at the gateway's address: the names of the members, and for the rest the host's
// own resolvers.
#pragma once

#include <netinet/in.h>
#include <uv.h>

#include "core/network/ethernet.h"

typedef struct resolver resolver;

typedef struct resolver_options {
    const char *network; ///< borrowed: "NAME.network" is a name too
    ethernet_end own;    ///< where it answers
    uint32_t subnet, netmask;
    bool has_ip6;
    uint8_t subnet6[ETHERNET_IP6]; ///< a /64
    unsigned mtu;
    const char *servers;     ///< resolv.conf of the host, read again when it has changed
    const char *own_servers; ///< the network's own in their stead, with commas between. Both NULL: nothing is
                             ///< forwarded
    uint16_t server_port;    ///< 53

    /// The members that have this name (lower or upper case), at most `most` into `out`.
    size_t (*find)(const char *name, ethernet_host *out, size_t most, void *data);
    /// The name of the member with this address, of one family or (has_ip6) the other, or NULL; borrowed.
    const char *(*name_of)(const ethernet_host *host, void *data);
    /// Whether who has this address asks other resolvers next for what is not known here.
    bool (*asks_more)(uint32_t ip, void *data);
    void (*frame)(const uint8_t *frame, size_t length, void *data);
    void *data;
} resolver_options;

resolver *resolver_create(uv_loop_t *loop, const resolver_options *options);
/// Forgets what is not answered yet; frees itself from the loop. Accepts NULL.
void resolver_destroy(resolver *self);
/// A datagram to its address.
void resolver_input(resolver *self, const ethernet_frame *frame);
/// The server that it would ask first, IPv4 mapped into IPv6. False: there is none.
bool resolver_server(resolver *self, struct sockaddr_in6 *out);
