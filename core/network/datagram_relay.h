// UDP from the host to a member that the host itself reaches: one socket of the host leads to one port of the
// member, and every client has a socket of its own towards it.
#pragma once

#include <netinet/in.h>
#include <uv.h>

typedef struct datagram_relay datagram_relay;

/// Listens on `host` (port 0: one is chosen, and filled in). NULL: errno says why not.
datagram_relay *datagram_relay_open(uv_loop_t *loop, struct sockaddr *host, socklen_t length,
                                    const struct sockaddr_in *guest);
void datagram_relay_close(datagram_relay *self);
