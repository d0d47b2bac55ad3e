// The resolver of a network with the driver "bridge", at sockets of the gateway's address: UDP for the
// resolver itself; TCP, which is for long answers, is joined to the server that it asks first.
#pragma once

#include <uv.h>

#include "core/base/error.h"
#include "core/network/resolver.h"

typedef struct name_socket name_socket;

/// At this address of the host (host byte order), at ports that are free. `streams`: over TCP, too.
name_socket *name_socket_create(uv_loop_t *loop, uint32_t ip, bool streams, holm_error **error);
/// Accepts NULL.
void name_socket_destroy(name_socket *self);
uint16_t name_socket_port(const name_socket *self);
uint16_t name_socket_stream_port(const name_socket *self); ///< 0: it has none

/// Whom questions go to, borrowed; before the loop runs.
void name_socket_serve(name_socket *self, resolver *names);
/// What the resolver answers, a frame with a datagram.
void name_socket_answer(name_socket *self, const uint8_t *frame, size_t length);
