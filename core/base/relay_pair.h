// Two connected stream sockets, and what one says is told to the other: with back pressure, half-close and
// reset.
#pragma once

#include <stdbool.h>
#include <uv.h>

#include "core/base/error.h"

#define RELAY_PAIR_BUFFER 65536 ///< bytes that wait in each direction, at most

typedef struct relay_pair relay_pair;
/// The pair has ended by itself; it is freed after the call.
typedef void (*relay_pair_ended)(relay_pair *pair, void *data);

/// Takes both descriptors (closed when this fails, too). `connecting`: the second is not connected yet.
relay_pair *relay_pair_create(uv_loop_t *loop, int first, int second, bool connecting, relay_pair_ended ended,
                              void *data, holm_error **error);
/// Ends it now, without a call. Accepts NULL.
void relay_pair_destroy(relay_pair *self);
