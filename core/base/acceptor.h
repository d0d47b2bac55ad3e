// A listening socket on the loop: takes whoever connects, and refuses them at once where hardly any
// descriptor is left, for what stays in the backlog would wake the loop without end.
#pragma once

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#include "core/base/error.h"

typedef struct acceptor acceptor;
/// `fd` (non-blocking, closed on exec) is the callee's; `peer` is as accept(2) tells. The acceptor may be
/// destroyed in it.
typedef void (*acceptor_taken)(void *data, int fd, const struct sockaddr_storage *peer);

/// Takes the listening socket `fd` (closed when this fails, too) and begins.
acceptor *acceptor_create(uv_loop_t *loop, int fd, acceptor_taken taken, void *data, holm_error **error);
/// Who comes while it is paused waits in the backlog. Accepts NULL.
void acceptor_pause(acceptor *self, bool paused);
/// Closes the socket now: its address is free. Accepts NULL.
void acceptor_destroy(acceptor *self);
