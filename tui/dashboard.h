// The dashboard: what plain `holm` opens.
#pragma once

#include "core/holm.h"

/// Runs on the loop (that of the client) until the user leaves or the terminal is lost; returns the exit
/// code. -1 and an error when the terminal cannot be used. The client stays open.
/// read_only: only what changes nothing. plain: lines of text for screen readers.
int dashboard_run(holm_client *client, uv_loop_t *loop, bool read_only, bool plain, holm_error **error);
