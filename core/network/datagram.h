// UDP from the host into the network: one socket of the host leads to one port of a member, and every client
// is told apart by a port of the gateway that its datagrams come from.
#pragma once

#include <uv.h>

#include "core/network/ethernet.h"
#include "core/network/inet_address.h"

typedef struct datagram_gate datagram_gate; ///< all of a network
typedef struct datagram_port datagram_port; ///< one published port

/// `frame` gives a frame to the network.
datagram_gate *datagram_gate_create(uv_loop_t *loop, const ethernet_end *gateway, unsigned mtu,
                                    void (*frame)(const uint8_t *frame, size_t length, void *data),
                                    void *data);
/// After its ports. Accepts NULL.
void datagram_gate_destroy(datagram_gate *self);
/// A datagram to the gateway's address: to the client it answers, or nowhere.
void datagram_gate_input(datagram_gate *self, const ethernet_frame *frame);

/// Listens on `host` (port 0: one is chosen, and filled in). NULL: errno says why not.
datagram_port *datagram_port_open(datagram_gate *gate, inet_address *host, const ethernet_end *guest);
void datagram_port_close(datagram_port *self);
