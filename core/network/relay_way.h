// Where the clients of a port of the host are led to, by sockets of the host.
#pragma once

#include <stdbool.h>

#include "core/network/conntrack.h"

typedef struct relay_way {
    /// A number of the client's place, the same as long as it is the same one; 0: nowhere. NULL: there is one
    /// place.
    uint16_t (*find)(const inet_address *client, void *data);
    /// A socket towards there, not blocking; connecting may be under way. `refused`: at the last one there
    /// was nobody. -1: nowhere, or nowhere else.
    int (*open)(const inet_address *client, uint16_t number, bool refused, void *data);
    /// Of datagrams, after a while in which none went there or came from there. NULL: nothing needs to be
    /// done.
    void (*renew)(int fd, const inet_address *client, void *data);
    void *data;
} relay_way;
