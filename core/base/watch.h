// A descriptor on the loop, owned: what it is for ends with it.
#pragma once

#include <uv.h>

#include "core/base/error.h"

typedef struct watch watch;
/// events: UV_READABLE, UV_WRITABLE, UV_DISCONNECT, UV_PRIORITIZED as they came; when the descriptor failed,
/// all that were watched.
typedef void (*watch_ready)(void *data, int events);

/// Takes `fd` (closed when this fails, too) and makes it non-blocking. Nothing is watched yet.
watch *watch_create(uv_loop_t *loop, int fd, watch_ready ready, void *data, holm_error **error);
/// What to be told of from now on; 0: nothing.
void watch_events(watch *self, int events);
int watch_fd(const watch *self);
/// Closes the descriptor now; `ready` is not called again. Accepts NULL.
void watch_destroy(watch *self);
