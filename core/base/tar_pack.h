// Files and folders as a tar stream. Blocks on disks and pipes: for a process of its own.
#pragma once

#include "core/base/tar.h"

typedef struct tar_pack_result {
    uint64_t entries, bytes;
} tar_pack_result;

/// Writes the file or folder `name` of the folder `parent`, and all in it, to `output`; its entries are named
/// from `as` on. Links are written as links, sockets are left out, further names of a file become hard links.
int tar_pack(int output, int parent, const char *name, const char *as, tar_pack_result *result,
             holm_error **error);
