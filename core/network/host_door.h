// The host's loopback, for members of a network with the driver "bridge" that are given it (host-gateway).
// What they send to SWITCH_HOST_IP and SWITCH_HOST_IP6 rules lead to sockets here, at the gateway's
// addresses; it is joined to the port of the loopback that it was for. Nothing of the host's settings is
// changed for it: without the rules nobody gets in.
#pragma once

#include <uv.h>

#include "core/base/error.h"
#include "core/network/bridge_rules.h"

typedef struct host_door host_door;
typedef struct host_guest host_guest; ///< a member that may come in

/// Of the bridge with these addresses; their ports are filled in.
host_door *host_door_create(uv_loop_t *loop, bridge_network *network, holm_error **error);
/// After its guests. Accepts NULL.
void host_door_destroy(host_door *self);

host_guest *host_door_admit(host_door *self, const ethernet_host *is);
/// Its connections end. Accepts NULL.
void host_door_dismiss(host_guest *self);
