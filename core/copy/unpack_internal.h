// Between the files that unpack.
#pragma once

#include "core/copy/unpack.h"

/// A folder that was made, in the order of the archive: its attributes come last.
typedef struct unpack_folder {
    char *path;
    uint32_t mode, uid, gid;
    int64_t mtime_seconds;
    uint32_t mtime_ns;
} unpack_folder;

typedef struct unpacker {
    const unpack_options *options;
    unpack_result *result;
    tar_reader archive;
    char *top; ///< the first part of every name; NULL: not known yet
    unpack_folder *folders;
    size_t folder_count;
    size_t folder_bytes;
} unpacker;

/// Where a name of the archive goes below the folder; "" is the folder itself. The caller frees it; NULL:
/// refused.
char *unpack_path(unpacker *self, const char *name, holm_error **error);
/// Opens the folder that `path` is in (O_PATH), no link followed, and sets *name to its last part.
int unpack_open_parent(const unpacker *self, const char *path, const char **name, holm_error **error);
/// Makes what the entry says at `path`, which is not "".
int unpack_entry(unpacker *self, const tar_entry *entry, const char *path, holm_error **error);
/// Gives the folders that were made their attributes.
int unpack_finish_folders(unpacker *self, holm_error **error);
