// The host's end of --publish-socket: a unix socket that is the user's alone (0600).
#pragma once

#include <jansson.h>

#include "core/base/error.h"

#define PUBLISHED_SOCKETS_MOST 16
#define PUBLISHED_PATH_MOST    107 // bytes of a socket's path: sun_path with its end

/// Listens at `path`. A socket there at which nobody listens is what a holm before us has left, and makes
/// room; IN_USE where somebody does, EXISTS where it is anything else. The caller owns the descriptor, which
/// is non-blocking.
int published_socket_listen(const char *path, holm_error **error);

/// Removes the sockets of a configuration at which nobody listens any more. NULL: nothing.
void published_sockets_remove(const json_t *configuration);
