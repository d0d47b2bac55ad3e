// What the files of the switch share.
#pragma once

#include "core/network/neighbour.h"
#include "core/network/switch.h"

struct switch_port {
    uint8_t mac[ETHERNET_ADDRESS];
    ethernet_host is;
    uint8_t link_local[ETHERNET_IP6];
    bool host; // it may reach the loopback of the host
    void *data;
    switch_port_counters counters;
};

// ---- switch_guard.c ----

/// Whether a port may send this at all: as itself and nobody else. `said` is what neighbour_parse found in
/// the frame.
bool switch_port_may_send(const switch_port *port, const ethernet_frame *frame,
                          const neighbour_message *said);
/// Whether the outside may see this.
bool switch_gateway_may_see(const switch_gateway *gateway, const switch_port *port,
                            const ethernet_frame *frame);
/// Whether it comes from the host's loopback.
bool switch_is_from_host(const ethernet_frame *frame);
/// Whether this is one of the port's addresses of IPv6.
bool switch_port_is(const switch_port *port, const uint8_t ip6[ETHERNET_IP6]);
/// What is for the switch itself, and goes on to nobody: questions for neighbours and routers, and who
/// listens to which group (all hear all).
bool switch_is_asked(const ethernet_frame *frame, const neighbour_message *said);
