// The subnets of this host's networks with the driver "bridge". The host reaches their members, and so would
// the members of a network with the driver "user", whose way outside are sockets of the host.
#pragma once

#include <uv.h>

#include "core/base/error.h"
#include "core/network/ethernet.h"

typedef struct bridge_subnets bridge_subnets;

/// Reads them, and again whenever an address of the host comes or goes.
bridge_subnets *bridge_subnets_create(uv_loop_t *loop, holm_error **error);
/// Accepts NULL.
void bridge_subnets_destroy(bridge_subnets *self);
/// Whether a frame is for one of them.
bool bridge_subnets_have(const bridge_subnets *self, const ethernet_frame *frame);
