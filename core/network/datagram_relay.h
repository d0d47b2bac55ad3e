// UDP at a socket of the host that is led on by others of the host: every client has one of its own.
#pragma once

#include <uv.h>

#include "core/network/relay_way.h"

typedef struct datagram_relay datagram_relay;

/// Listens on `host` (port 0: one is chosen, and filled in). NULL: errno says why not.
datagram_relay *datagram_relay_open(uv_loop_t *loop, inet_address *host, const relay_way *way);
/// What is on its way for clients at this address (its port does not count) goes nowhere.
void datagram_relay_forget(datagram_relay *self, const inet_address *address);
void datagram_relay_close(datagram_relay *self);
