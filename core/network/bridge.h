// The fabric of a network with the driver "bridge": a bridge of the host in place of our own switch. The host
// carries the frames, from card to card and out by NAT, and nf_tables guards what each may send (see
// bridge_rules.h). It needs CAP_NET_ADMIN.
//
// Bridge and rules outlive a process that is killed, and the next one makes them anew; its ports come again.
#pragma once

#include <uv.h>

#include "core/base/error.h"
#include "core/network/bridge_rules.h"
#include "core/network/switch.h"

typedef struct bridge bridge;
typedef struct bridge_port bridge_port;

/// Makes the bridge with its addresses, in the place of one that is there already, and has the host forward
/// what leads outside where it does not yet, which the log tells. `network` is borrowed, and its ports are
/// for bridge_guard. Blocks, as bridge_guard: both before the loop runs and before confinement.
bridge *bridge_create(uv_loop_t *loop, const bridge_network *network, const uint8_t mac[ETHERNET_ADDRESS],
                      unsigned mtu, holm_error **error);
/// Sets the rules; before any port. Where others remove them they are set again.
int bridge_guard(bridge *self, const bridge_network *network, holm_error **error);
/// So that the loop can end. Accepts NULL.
void bridge_close(bridge *self);
/// nft, which it starts for each port.
const char *bridge_program(const bridge *self);
/// After the loop has ended. `leaves`: bridge and rules stay for the next process. Accepts NULL.
void bridge_destroy(bridge *self, bool leaves);

/// Takes the tap `fd` (closed when this fails, too) and puts its card on the bridge, where it is `mac` and
/// `host`; `loopback`: it may use the network's door. `done` is called later, but never once the port was
/// removed. NULL: one of them is taken, or it is no tap of ours.
bridge_port *bridge_port_add(bridge *self, int fd, const uint8_t mac[ETHERNET_ADDRESS],
                             const ethernet_host *host, bool loopback,
                             void (*done)(const holm_error *error, void *data), void *data,
                             holm_error **error);
void bridge_port_remove(bridge_port *self);
/// As its tap counts them, for as long as that is there: an older process of the network had it before.
switch_port_counters bridge_port_count(const bridge_port *self);
