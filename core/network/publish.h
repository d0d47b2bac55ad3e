// The ports of the host that lead to members of a network.
#pragma once

#include <uv.h>

#include "core/base/error.h"
#include "core/network/ethernet.h"
#include "core/network/gateway.h"
#include "core/network/network.pb-c.h"

typedef struct port_publisher port_publisher;
typedef struct published published; ///< the ports of one member

/// `outside` is borrowed; `own` is its address on the network. On a bridge, where the host reaches the
/// members itself, all but the loop is NULL.
port_publisher *publisher_create(uv_loop_t *loop, gateway *outside, const ethernet_end *own,
                                 const gateway_options *options);
/// After all that it has published. Accepts NULL.
void publisher_destroy(port_publisher *self);
/// UDP to the gateway's address.
void publisher_input(port_publisher *self, const ethernet_frame *frame);

/// Opens all of `ports`, or none. Where the host's port is 0 the preferred one is tried, then any; `chosen`
/// (room for `count`) gets what became of them. `guest` is the member, its port is not looked at. On failure
/// *failed is the one it was. `before` (NULL: none) is what the member had until now: on success it is taken
/// over, what is among `ports` stays open with its connections and the rest is closed; on failure it is as it
/// was.
published *publisher_open(port_publisher *self, published *before, const ethernet_end *guest,
                          Holm__Network__V1__PublishedPort **ports, size_t count, uint32_t *chosen,
                          size_t *failed, holm_error **error);
/// Accepts NULL.
void published_close(published *self);
