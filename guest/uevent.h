// The kernel's device events (netlink, NETLINK_KOBJECT_UEVENT), so that a device is waited for and not
// polled.
#pragma once

#include "core/base/error.h"

/// A socket that gets every event from now on; non-blocking. Open it before you look, then nothing is missed.
int uevent_open(holm_error **error);
/// Throws away what has arrived; it is only the news that counts.
void uevent_drain(int fd);
/// Waits until every one of the `count` devices can be opened, looking again after each event. At most
/// timeout_ms in all; then the first missing one is named (UNAVAILABLE). Blocks: for a worker thread.
int uevent_wait_paths(int fd, char *const *paths, size_t count, unsigned timeout_ms, holm_error **error);
