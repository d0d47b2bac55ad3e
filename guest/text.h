// Small files of the kernel and of the container as text, and numbers out of text.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/// Reads what is left in `fd`, at most `most` bytes of it (more is an error, LIMIT). The caller frees it.
char *text_read_fd(int fd, size_t most, holm_error **error);
/// Reads the file `path`, relative to `directory` (or AT_FDCWD). Only regular files are read, so that a FIFO
/// put there does not hold us up. The caller frees it.
char *text_read(int directory, const char *path, size_t most, holm_error **error);
/// Writes to a file that is there (of /proc, /sys and the like) in one write.
int text_write(const char *path, const char *text, holm_error **error);
/// A whole decimal number and nothing else.
bool text_to_u64(const char *text, uint64_t *value);
/// The number behind "key " at the beginning of a line, as in memory.stat; 0 when it is not there.
uint64_t text_find_u64(const char *text, const char *key);
/// Cuts the next part off *text at the first of `separators` (like strsep, but the text is not changed):
/// returns its beginning and sets its length; NULL at the end.
const char *text_next(const char **text, char separator, size_t *length);
