// A published port of TCP that libslirp does not serve: a listening socket of ours, and each client is joined
// to a connection to the member. On a bridge that goes to the member itself, which sees the client's address;
// else to a forward of libslirp on the host's loopback, since that leads to an IPv4 guest from IPv4 only.
#pragma once

#include <uv.h>

#include "core/network/bridge_client.h"
#include "core/network/gateway.h"

typedef struct publish_relay publish_relay;

/// Listens on `host` (port 0: one is chosen, and filled in). `outside`: libslirp, to the member's v4; NULL:
/// on a bridge. NULL: errno says why not.
publish_relay *publish_relay_open(uv_loop_t *loop, inet_address *host, const bridge_member *member,
                                  gateway *outside);
/// Its connections end, too.
void publish_relay_close(publish_relay *self);
