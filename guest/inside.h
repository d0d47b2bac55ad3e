// Paths in the container's root as the container sees them: links in it are followed within it and never lead
// out (openat2(2), RESOLVE_IN_ROOT).
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/error.h"

#define INSIDE_PATH_MAX 4095 ///< bytes of a path

/// Opens the container's root (O_PATH), or the agent's own with `outside`.
int inside_root(bool outside, holm_error **error);
/// Opens `path` below `root`. flags as for open(2), O_CLOEXEC is added. -1 with *error.
int inside_open(int root, const char *path, int flags, mode_t mode, holm_error **error);
/// mkdir -p below root: what is missing is made with `mode`. Returns the last folder (O_PATH).
int inside_make_directories(int root, const char *path, mode_t mode, holm_error **error);
/// Opens the folder that `path` is in (O_PATH) and sets *name (the caller frees it) to its last part. With
/// `make`, missing folders are made (0755).
int inside_open_parent(int root, const char *path, bool make, char **name, holm_error **error);
/// "/proc/self/fd/N" of a descriptor, for calls that know paths only.
typedef struct inside_link {
    char path[32];
} inside_link;
inside_link inside_link_of(int fd);
