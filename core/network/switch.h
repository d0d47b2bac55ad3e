// The switch of one network: frames in from a port or the gateway, frames out to ports and the gateway. Pure:
// it opens nothing and waits for nothing.
//
// A port may only speak as itself: its own MAC, and in IPv4, ARP, IPv6 and its neighbour discovery its own
// address. Nobody is a router or a DHCP server to others. What the guards refuse is counted and dropped. The
// gateway (NAT to the outside) never sees what could reach the host's loopback, which has an address of its
// own for the ports that are allowed to.
//
// In IPv6 all addresses are given, so nobody is told of routers: what the gateway advertises goes nowhere.
// Who asks for a neighbour is answered by the switch, which knows all of them.
#pragma once

#include "core/network/ethernet.h"

#define SWITCH_PORTS_MAX 256

/// Where a port that is allowed to reaches the loopback of the host: 169.254.1.2, of no network and of
/// nothing outside.
#define SWITCH_HOST_IP 0xa9fe0102u
/// The same in IPv6: fec0::a9fe:102, of the site-local addresses that nobody has any more (RFC 3879). Who
/// sorts addresses (RFC 6724) takes it after that of IPv4, where most services of a loopback are.
#define SWITCH_HOST_IP6 \
    { 0xfe, 0xc0, [12] = 0xa9, 0xfe, 1, 2 }

typedef struct network_switch network_switch; // "switch" is a keyword
typedef struct switch_port switch_port;

/// What the switch does with frames. Both must take or drop at once, without calling back into the switch.
typedef struct switch_output {
    void (*to_port)(void *port_data, const uint8_t *frame, size_t length, void *data);
    void (*to_gateway)(const uint8_t *frame, size_t length, void *data);
} switch_output;

/// Where the gateway is.
typedef struct switch_gateway {
    uint32_t ip;                   ///< host byte order; 0: an internal network, without a gateway
    bool has_ip6;                  ///< it leads outside in IPv6, too
    uint8_t ip6[ETHERNET_IP6];     ///< in the /64 that is the network's
    uint8_t mac[ETHERNET_ADDRESS]; ///< at which IPv6 finds it
} switch_gateway;

/// `gateway->ip` is where the gateway's resolver answers on port 53; nothing else of the
/// gateway's own addresses is reachable but echo, and what answers a published port. UDP to the gateway is
/// given on whatever its port: whoever takes it must not hand it to NAT. Its address of IPv6 answers echo
/// only.
network_switch *switch_create(const switch_gateway *gateway, const switch_output *output, void *data);
void switch_destroy(network_switch *self);

/// A new port that is `mac` and `host`; without an address of IPv6 it can send nothing of that. NULL when one
/// of them is taken or there are SWITCH_PORTS_MAX. The gateway and the other ports are told of it.
switch_port *switch_port_add(network_switch *self, const uint8_t mac[ETHERNET_ADDRESS],
                             const ethernet_host *host, void *port_data);
/// Frames to SWITCH_HOST_IP and SWITCH_HOST_IP6 are given to the gateway from now on.
void switch_port_allow_host(network_switch *self, switch_port *port);
/// Whether a frame (of the kinds that the gateway may see) is for one of these two.
bool switch_is_for_host(const ethernet_frame *frame);
void switch_port_remove(network_switch *self, switch_port *port);

/// A frame from a port, or from the gateway. The bytes are only read.
void switch_input_port(network_switch *self, switch_port *port, const uint8_t *frame, size_t length);
void switch_input_gateway(network_switch *self, const uint8_t *frame, size_t length);

typedef struct switch_counters {
    uint64_t frames;  ///< that went somewhere
    uint64_t refused; ///< by the guards
} switch_counters;
switch_counters switch_count(const network_switch *self);

typedef struct switch_port_counters {
    uint64_t from_bytes, from_frames; ///< that the port sent
    uint64_t to_bytes, to_frames;     ///< that were given to it
} switch_port_counters;
switch_port_counters switch_port_count(const switch_port *port);
