// What nf_tables is told of a network with the driver "bridge", as text for nft: guards as those of the
// switch (core/network/switch_guard.c), the way out, and what of the host its members may reach. All names
// and numbers in it are ours.
//
// Two tables have the name of the bridge: one of the family bridge, in which every port has a chain of what
// its machine may send, and one of the family inet.
#pragma once

#include "core/base/buffer.h"
#include "core/network/ethernet.h"

typedef struct bridge_network {
    const char *name;     ///< of the bridge and the tables: letters, digits, "-"
    uint32_t ip, netmask; ///< of the gateway, in host byte order
    bool has_ip6;
    uint8_t ip6[ETHERNET_IP6]; ///< of the gateway, in a /64
    bool internal;             ///< nothing is forwarded
    uint16_t names_port;       ///< of the gateway, where its resolver answers in place of 53
    uint16_t stream_port;      ///< the same over TCP; 0: it does not
} bridge_network;

/// Both tables, without ports, in the place of those there are.
void bridge_rules_begin(buffer *out, const bridge_network *network);
/// No tables of this name, whether there are any or not.
void bridge_rules_end(buffer *out, const char *name);

/// The machine behind this card of the host is `mac` and `host` and nobody else.
void bridge_rules_add(buffer *out, const char *name, const char *card, const uint8_t mac[ETHERNET_ADDRESS],
                      const ethernet_host *host);
void bridge_rules_remove(buffer *out, const char *name, const char *card);
