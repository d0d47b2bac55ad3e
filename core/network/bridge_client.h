// From the host to a member of a bridge on behalf of a client: the member sees the client's own address. Its
// answers come to the bridge's gateway, as those to all who are not on its network, and the host knows them
// by its table of connections.
#pragma once

#include <uv.h>

#include "core/network/bridge_rules.h"
#include "core/network/conntrack.h"

typedef struct bridge_member {
    const bridge_network *network; ///< borrowed
    inet_address v4, v6;           ///< with the port; v6 without a family: it has none
    int told; ///< why clients were not seen there, as the log has it last: not one line for each
} bridge_member;

/// A socket of SOCK_STREAM or SOCK_DGRAM to the member, not blocking; connecting may be under way. Of IPv6
/// that is the member's v6, and once that has `refused` its v4. Who cannot be seen as `client` there (on the
/// host's loopback, of another family, as if on the network itself) is the gateway. -1: errno says why not,
/// or there is nowhere else.
int bridge_client_reach(bridge_member *member, int type, const inet_address *client, bool refused);

/// The datagrams that come to a port of the host, to the member.
typedef struct bridge_datagrams bridge_datagrams;
/// Listens on `host` (port 0: one is chosen, and filled in). NULL: errno says why not.
bridge_datagrams *bridge_datagrams_open(uv_loop_t *loop, inet_address *host, const bridge_member *member);
void bridge_datagrams_close(bridge_datagrams *self);
