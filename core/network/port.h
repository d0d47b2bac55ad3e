// A card's place on a network, seen from the shim: a datagram socket pair whose near half goes to the VM and
// whose far half is handed to holm-net. The shim keeps a copy of the far half: when holm-net dies, the next
// one gets it, and the guest has lost a few frames and no more. On a network with the driver "bridge" both
// are the same tap.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/path.h"

/// Of every card whose network has no other. Frames never leave this machine, so they can be as large as the
/// gateway takes them: fewer of them cost less, under emulation most of all. The gateway ends TCP itself and
/// speaks to the outside in the outside's sizes.
#define NETWORK_MTU       65520
#define NETWORK_MTU_LEAST 1280 ///< that IPv6 can do with (RFC 8200, 5)

#define NETWORK_SERVERS_MOST 3 ///< that a network's resolver asks, as resolv.conf(5) has it

/// Strings are borrowed during the calls.
typedef struct network_member {
    const char *network;                       ///< name
    const char *container;                     ///< id
    const char *mac;                           ///< "52:54:00:…"
    const char *address;                       ///< IPv4, without prefix length
    const char *subnet;                        ///< of the network, CIDR: holm-net is started with it
    const char *gateway;                       ///< IPv4 of the gateway
    const char *address6;                      ///< IPv6; NULL: none
    const char *subnet6;                       ///< of the network, a /64; NULL: it has no IPv6
    const char *gateway6;                      ///< in that
    bool bridge;                               ///< its driver is "bridge"
    bool internal;                             ///< the network has no way to the outside
    unsigned mtu;                              ///< of the network; 0: NETWORK_MTU
    const char *servers[NETWORK_SERVERS_MOST]; ///< that its resolver asks; none: those of the host
    bool more;                                 ///< see network_port_tell
    bool host;                ///< it may reach the loopback of the host, at NETWORK_HOST and _HOST6
    const char *const *names; ///< NULL-terminated, or NULL
    const struct network_publish *ports;
    size_t port_count; ///< at most NETWORK_PORTS_MOST
} network_member;

#define NETWORK_PORTS_MOST 1024

/// A port of the host that leads to one of the container.
typedef struct network_publish {
    const char *address; ///< of the host, IPv4 or IPv6
    uint16_t host;       ///< 0: one is chosen
    uint16_t preferred;  ///< tried first where one is chosen
    uint16_t container;
    bool udp;
} network_publish;

typedef struct network_port {
    int card;    ///< the VM's half, or the tap; -1 once it was taken
    int far;     ///< our copy of holm-net's half, or of the tap
    int control; ///< the connection that keeps the membership; readable (end of file) when holm-net is gone
} network_port;

/// Makes the socket pair, or the tap.
int network_port_init(network_port *self, bool bridge, holm_error **error);

/// Hands the far half to the network's holm-net, starting that when it does not run. Blocks for both
/// (milliseconds): call it from a worker. Call it again after the control connection has ended.
/// `host_ports` (room for member->port_count) gets the ports of the host. On failure *failed_port is the
/// port that could not be opened, 1 for the first, or 0. Both may be NULL where there are no ports.
int network_port_join(network_port *self, const paths *where, const network_member *member,
                      uint16_t *host_ports, size_t *failed_port, holm_error **error);

/// Of a card that has joined: its ports of the host are member->ports from now on, the others are closed. As
/// network_port_join in all else; where it fails they are as they were.
int network_port_publish(const paths *where, const network_member *member, uint16_t *host_ports,
                         size_t *failed_port, holm_error **error);

/// Whether the member asks other networks' resolvers next, from now on. Does not block.
void network_port_tell(const network_port *self, bool more);

/// Closing the control connection takes the member off the network.
void network_port_finish(network_port *self);

#define NETWORK_HOST    "169.254.1.2"    ///< SWITCH_HOST_IP
#define NETWORK_HOST6   "fec0::a9fe:102" ///< SWITCH_HOST_IP6
#define NETWORK_DEFAULT "default"

/// What holm-net is told of a network: its arguments (see net_main.c). NULL-terminated and owned.
#define NETWORK_WORDS_MOST 8
typedef struct network_words {
    char *list[NETWORK_WORDS_MOST + 1];
    size_t count;
} network_words;
/// Of the member nothing but what it says of its network.
void network_words_init(network_words *self, const network_member *member);
void network_words_finish(network_words *self);
#define NETWORK_BRIDGE   "bridge"
#define NETWORK_INTERNAL "internal"
#define NETWORK_WITH_MTU "mtu="
#define NETWORK_WITH_DNS "dns="
#define NETWORK_WITH_IP6 "ip6="

/// RUNTIME/n/NAME-SUM, where the network's process has its sockets: another network of the same name, made
/// after this one was removed, has a process of its own (but for "default", which stays). `words` are the
/// arguments of holm-net, NULL-terminated. The caller frees it.
char *network_runtime_folder(const paths *where, const char *const *words);
/// Whether a text can be a network's name (letters, digits, "-", "_", "."; at most 32): it becomes part of
/// paths.
bool network_name_valid(const char *name);
