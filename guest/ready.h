// Telling the host that the agent can be dialled: "ready\n" to port 1024 of the host, once.
#pragma once

#include <uv.h>

#include "core/base/error.h"

typedef struct ready ready;

/// Dials now, or when the vsock device appears (an event of the kernel on `uevents`, see uevent.h; taken).
/// Frees itself when it has told.
int ready_start(uv_loop_t *loop, int uevents, holm_error **error);
