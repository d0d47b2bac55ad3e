// Links, addresses and routes over rtnetlink(7), as much of it as a container's card needs,
// within its machine and on a bridge of the host.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/error.h"

#define NETLINK_NAME_MAX 15

/// An address of either family with the length of its prefix.
typedef struct netlink_address {
    int family; ///< AF_INET or AF_INET6
    uint8_t bytes[16];
    size_t length;   ///< 4 or 16
    unsigned prefix; ///< bits
} netlink_address;

/// Reads "10.1.2.3/24" or "fd00::1/64"; without "/" all bits are the prefix. INVALID for anything else.
int netlink_address_parse(const char *text, netlink_address *out, holm_error **error);
/// Reads "52:54:00:12:34:56".
int netlink_mac_parse(const char *text, uint8_t mac[static 6], holm_error **error);

/// Each of these is one request and its acknowledgement on a socket of its own; it blocks for as long as the
/// kernel takes. The index of the card with that hardware address: 0 when there is none, -1 on failure.
int netlink_find_link(const uint8_t mac[static 6], holm_error **error);
/// The name must be free and the card down to be renamed; NULL leaves it, mtu 0 too.
int netlink_set_link(int index, const char *name, unsigned mtu, holm_error **error);
/// The card must be down.
int netlink_set_mac(int index, const uint8_t mac[static 6], holm_error **error);
int netlink_set_up(int index, bool up, holm_error **error);
/// An address that is there already is no error.
int netlink_add_address(int index, const netlink_address *address, holm_error **error);
/// `destination` NULL: the default route. `gateway` NULL: what is there is on the link itself.
int netlink_remove_address(int index, const netlink_address *address, holm_error **error);
int netlink_add_route(int index, const netlink_address *destination, const netlink_address *gateway,
                      holm_error **error);

/// What has come by a card, as the host sees it: `rx` is what came in from the card.
typedef struct netlink_counters {
    uint64_t rx_bytes, rx_packets, tx_bytes, tx_packets;
} netlink_counters;
int netlink_count(int index, netlink_counters *out, holm_error **error);

/// Of a host, whose rights (CAP_NET_ADMIN) these need. The bridge is down, and must not be there.
int netlink_add_bridge(const char *name, const uint8_t mac[static 6], holm_error **error);
/// Of any kind; one that is not there is no error.
int netlink_remove_link(const char *name, holm_error **error);
/// `bridge` 0: off the one that it is on. The card gives itself no address of IPv6 from then on.
int netlink_join_bridge(int index, int bridge, holm_error **error);
