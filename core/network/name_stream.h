// Names over TCP on a network with name servers of its own, for answers that are too long for a datagram. A
// connection to the gateway's port 53 becomes one to such a server (libslirp would ask the host's), and what
// comes back the gateway's again. Pure: frames in, frames out.
#pragma once

#include "core/network/ethernet.h"

#define NAME_STREAM_PORT 53

typedef struct name_stream name_stream;

/// Addresses in host byte order.
name_stream *name_stream_create(uint32_t gateway, uint32_t server);
void name_stream_destroy(name_stream *self); ///< Accepts NULL.

/// A frame to the gateway (`parsed` is what is in it): true where it belongs to such a connection, and `out`
/// (room for `length`) is what is to be sent instead.
bool name_stream_out(name_stream *self, const ethernet_frame *parsed, const uint8_t *frame, size_t length,
                     uint8_t *out);
/// The same of a frame from outside to a member.
bool name_stream_in(name_stream *self, const ethernet_frame *parsed, const uint8_t *frame, size_t length,
                    uint8_t *out);
