// What nf_tables is told of a network with the driver "bridge", as text for nft: guards as those of the
// switch (core/network/switch_guard.c), the way out, and what of the host its members may reach. All names
// and numbers in it are ours.
//
// Two tables have the name of the bridge: one of the family bridge, in which every port has a chain of what
// its machine may send, and one of the family inet.
#pragma once

#include "core/base/buffer.h"
#include "core/network/ethernet.h"

/// Ports at the gateway's addresses behind which the host's loopback is, see host_door.h.
typedef struct bridge_door {
    uint16_t tcp, udp, tcp6, udp6; ///< 0: there is none
} bridge_door;

typedef struct bridge_network {
    const char *name;     ///< of the bridge and the tables: letters, digits, "-"
    uint32_t ip, netmask; ///< of the gateway, in host byte order
    bool has_ip6;
    uint8_t ip6[ETHERNET_IP6]; ///< of the gateway, in a /64
    bool internal;             ///< nothing is forwarded
    uint16_t names_port;       ///< of the gateway, where its resolver answers in place of 53
    uint16_t stream_port;      ///< the same over TCP; 0: it does not
    bridge_door door;
} bridge_network;

/// Both tables, without ports, in the place of those there are.
void bridge_rules_begin(buffer *out, const bridge_network *network);
/// No tables of this name, whether there are any or not.
void bridge_rules_end(buffer *out, const char *name);

/// Who is behind a card of the host, and nobody else. Strings are borrowed.
typedef struct bridge_card {
    const char *name;
    const uint8_t *mac;
    ethernet_host is;
    bool loopback; ///< it may use the door
} bridge_card;

void bridge_rules_add(buffer *out, const char *name, const bridge_card *card);
void bridge_rules_remove(buffer *out, const char *name, const bridge_card *card);
