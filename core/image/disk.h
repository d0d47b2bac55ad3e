// Disks that guests write: empty ext4 files for writable layers and volumes.
#pragma once

#include <stdint.h>

#include "core/base/error.h"

/// Makes the file `path` (0600; it must not be there): an empty ext4 with a journal, of `size` bytes (rounded
/// down to whole blocks, at least 16 MiB, at most 15 TiB), sparse, its inode tables left to the kernel to
/// fill lazily. Takes little room and time whatever the size. On failure nothing is left behind.
int disk_make(const char *path, uint64_t size, holm_error **error);
