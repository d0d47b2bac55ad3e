// Disks that guests write: empty ext4 files for writable layers and volumes.
#pragma once

#include <stdint.h>

#include "core/base/error.h"

typedef struct disk_journal {
    const char *mode; ///< "ordered", "writeback", "journal" (data= of ext4(5)); NULL: ordered
    uint64_t bytes;   ///< 4 MiB to 1 GiB, at most half of the disk; 0: 16 MiB, of small disks 4 MiB
} disk_journal;

/// INVALID where there is no such mode.
int disk_journal_check(const disk_journal *journal, holm_error **error);
/// Makes the file `path` (0600; it must not be there): an empty ext4 with a journal, of `size` bytes (rounded
/// down to whole blocks, at least 16 MiB, at most 15 TiB), sparse, its inode tables left to the kernel to
/// fill lazily. Takes little room and time whatever the size. `journal` may be NULL. On failure nothing is
/// left behind.
int disk_make(const char *path, uint64_t size, const disk_journal *journal, holm_error **error);
