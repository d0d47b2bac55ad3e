// UDP at a socket of the host that is led on by others of the host: every client has one of its own.
#pragma once

#include <uv.h>

#include "core/network/conntrack.h"

typedef struct datagram_relay datagram_relay;

/// Where a client's datagrams are led to.
typedef struct datagram_way {
    /// A number of the place, the same as long as it is the same one; 0: nowhere. NULL: there is one place.
    uint16_t (*find)(const inet_address *client, void *data);
    /// A socket that is connected there, not blocking. `refused`: the last one was told that nobody is there.
    int (*open)(const inet_address *client, uint16_t number, bool refused, void *data);
    /// After a while in which nothing went there or came from there. NULL: nothing needs to be done.
    void (*renew)(int fd, const inet_address *client, void *data);
    void *data;
} datagram_way;

/// Listens on `host` (port 0: one is chosen, and filled in). NULL: errno says why not.
datagram_relay *datagram_relay_open(uv_loop_t *loop, inet_address *host, const datagram_way *way);
void datagram_relay_close(datagram_relay *self);
