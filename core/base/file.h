// Files as holm writes them: whole or not at all, 0600, durable when asked.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/buffer.h"
#include "core/base/error.h"

/// Appends the whole file to `out`; a file above `most` bytes is an error (LIMIT).
int file_read(const char *path, size_t most, buffer *out, holm_error **error);

/// Replaces the file by these bytes: a temporary file beside it, fsync, rename, fsync of the folder. Mode
/// 0600.
int file_write(const char *path, const void *data, size_t length, holm_error **error);

/// What is in the file, and its name, outlive a failure of power.
int file_sync(const char *path, holm_error **error);

/// Writes all of it, over short writes and EINTR. For blocking descriptors. 0, or -1 with errno.
int file_write_all(int fd, const void *data, size_t length);

/// Copies `from` to the new file `to` (0600), holes kept; shares the blocks where the file system can
/// (FICLONE).
int file_copy_sparse(const char *from, const char *to, holm_error **error);

/// Opens and locks `path` (made if missing, 0600) with flock(2). The lock lasts until every copy of the
/// descriptor is closed, so a child that inherits it keeps it; the descriptor is close-on-exec. Without
/// `wait` a lock that someone else holds gives -1 and IN_USE.
int file_lock(const char *path, bool exclusive, bool wait, holm_error **error);

/// Blocks until nobody else has a lock of fcntl(2) on these bytes of `fd` (`length` 0: to the end). Where
/// somebody has, they are ours for a moment after that. -1: errno says why not.
int file_wait_unlocked(int fd, off_t start, off_t length);

/// Whether someone holds an exclusive lock on `path`. Nobody, when it is not there.
bool file_is_locked(const char *path);

/// Waits until the process that took that lock has ended, at most that long. Whether it has; true where
/// nobody holds it, false where it is not known who does (one of another pid namespace).
bool file_wait_holder(const char *path, int timeout_ms);
