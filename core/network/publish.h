// The ports of the host that lead to members of a network.
#pragma once

#include <uv.h>

#include "core/base/error.h"
#include "core/network/bridge_rules.h"
#include "core/network/ethernet.h"
#include "core/network/gateway.h"
#include "core/network/network.pb-c.h"

typedef struct port_publisher port_publisher;
typedef struct published published; ///< the ports of one member

/// The member that ports lead to.
typedef struct publish_guest {
    uint8_t mac[ETHERNET_ADDRESS];
    ethernet_host is;
} publish_guest;

/// `outside` is borrowed; `own` is its address on the network.
port_publisher *publisher_create(uv_loop_t *loop, gateway *outside, const ethernet_end *own,
                                 const gateway_options *options);
/// On a bridge the host reaches the members itself. `network` is copied.
port_publisher *publisher_create_bridge(uv_loop_t *loop, const bridge_network *network);
/// After all that it has published. Accepts NULL.
void publisher_destroy(port_publisher *self);
/// UDP to the gateway's address.
void publisher_input(port_publisher *self, const ethernet_frame *frame);

/// Opens all of `ports`, or none. Where the host's port is 0 the preferred one is tried, then any; `chosen`
/// (room for `count`) gets what became of them. On failure
/// *failed is the one it was. `before` (NULL: none) is what the member had until now: on success it is taken
/// over, what is among `ports` stays open with its connections and the rest is closed; on failure it is as it
/// was.
published *publisher_open(port_publisher *self, published *before, const publish_guest *guest,
                          Holm__Network__V1__PublishedPort **ports, size_t count, uint32_t *chosen,
                          size_t *failed, holm_error **error);
/// Accepts NULL.
void published_close(published *self);
