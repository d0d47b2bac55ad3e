// The machine's boot log: a plain text file that grows, read line by line.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "core/base/buffer.h"
#include "core/base/error.h"

typedef struct boot_log {
    int fd;
    off_t offset;
    buffer rest;  // what was read and not yet handed out
    size_t taken; // of rest
    bool at_end;
} boot_log;

/// Opens the file, at the nth last line where last >= 0. No file is an empty log. Blocks for the disk.
int boot_log_open(boot_log *self, const char *path, int64_t last, holm_error **error);
/// The next line without its newline, valid until the next call. 1: a line; 0: none for now. With `whole`
/// false an unfinished last line is given too, and *partial set.
int boot_log_next(boot_log *self, bool whole, const char **bytes, size_t *length, bool *partial,
                  holm_error **error);
void boot_log_finish(boot_log *self);
