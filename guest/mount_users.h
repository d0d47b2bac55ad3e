// Which processes hold something of a file system open.
#pragma once

#include "core/base/buffer.h"
#include "guest/mountinfo.h"

/// Whether a mount, as some process has it, is the one that is meant.
typedef bool (*mount_is_meant)(const mountinfo *mount, const void *data);

/// Appends "sh (12), tail (40) and 3 more": who uses a mount of the device `major`:`minor` that is meant.
/// Nothing where none is found: what the kernel itself holds has no process.
void mount_users_append(buffer *out, unsigned major, unsigned minor, mount_is_meant is_meant,
                        const void *data);
