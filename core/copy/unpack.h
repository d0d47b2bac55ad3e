// The receiving side of a copy from a container: its archive comes out of a guest and is hostile. Nothing is
// made outside of the folder that it is given, no link is followed on the way, and nothing comes into being
// but files, folders and links, without set-user-id, set-group-id and sticky bits.
#pragma once

#include <stdbool.h>

#include "core/base/tar.h"

#define UNPACK_ENTRIES_MOST 4000000u
#define UNPACK_FOLDERS_MOST (64u << 20) ///< bytes of the names of all folders

typedef struct unpack_options {
    int folder;       ///< where everything goes
    const char *name; ///< that what is copied gets there; ".": its content goes right into the folder
    bool only_file;   ///< a folder is refused
    bool only_folder; ///< anything else is refused
    bool owner;       ///< owners as the archive has them, where we may
} unpack_options;

typedef struct unpack_result {
    uint64_t entries, bytes;
    uint64_t left_out; ///< devices and pipes
} unpack_result;

/// Reads the archive to its end. All its entries must be one file or folder and what is in it. INVALID for
/// names that lead out, LIMIT for too much of anything, EXISTS where a folder would take a file's place or
/// the other way round. What was made until an error stays.
int unpack(tar_read read, void *data, const unpack_options *options, unpack_result *result,
           holm_error **error);
