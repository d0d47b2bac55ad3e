// Errors that file systems report (fanotify(7), FAN_FS_ERROR): a disk that goes bad is told as an event.
#pragma once

#include "guest/agent.h"

/// Begins; nothing is watched yet.
int filesystem_watch_init(agent *self, holm_error **error);
/// Watches the file system that `path` (by the agent's root) is on; `name` is what it is called in events (at
/// most 63 bytes are kept). From any thread. A file system that cannot tell its errors is no error.
void filesystem_watch_add(agent *self, const char *path, const char *name);
