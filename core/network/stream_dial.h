// Connections that came to a port of the host, joined to ones that we make for them: each waits until it is
// said whether anyone is there, as there may be another place to ask.
#pragma once

#include <uv.h>

#include "core/network/relay.h"
#include "core/network/relay_way.h"

typedef struct stream_dials {
    struct stream_dial *first; // those that wait
    size_t count;              // of these
    relay_list relays;
} stream_dials;

/// Takes `client`; where nobody is there it is reset. `number` is what way->find said.
void stream_dial(stream_dials *self, uv_loop_t *loop, int client, const inet_address *from, uint16_t number,
                 const relay_way *way);
/// Ends all of them.
void stream_dials_finish(stream_dials *self);
