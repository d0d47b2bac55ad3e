// The writable layer of a container, as its guest has left it: hostile. Only the program holm-disk reads it,
// which holds nothing but this disk, the layers below it and its output, under seccomp, Landlock and limits.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "core/image/layer_lower.h"

typedef enum guest_disk_mode {
    GUEST_DISK_DIFF,   ///< "C /path", "A /path", "D /path", each ended by a zero byte
    GUEST_DISK_LAYER,  ///< a tar of the writable layer (OCI image specification, layer.md)
    GUEST_DISK_EXPORT, ///< a tar of the whole root as the container sees it
    GUEST_DISK_VOLUME, ///< a tar of a volume, which has no layers below it
    GUEST_DISK_COPY,   ///< a tar of one file or folder, its entries named from its last part on, holes filled
    GUEST_DISK_LIST, ///< a FolderResponse (guest/agent.proto): what is in one folder; without names of owners
    GUEST_DISK_READ, ///< a FileResponse: the beginning of one file
} guest_disk_mode;

/// Puts the disk behind the descriptor (not closed, not written) on top of the layers that are open already;
/// `below` is not needed for a layer. `volume`: the tree is the whole disk, not the writable layer in it.
/// From here on everything that is read may be meant to break us.
int guest_disk_add(layer_lower *below, int fd, bool volume, holm_error **error);

/// Writes what is asked for to `out`. `lower` has the guest's disk as its topmost layer.
/// `path` is of the last three: the absolute path after a 'P', or after an 'L' where a link at its end is
/// followed. Links on the way always are, within the root.
int guest_disk_write(layer_lower *lower, guest_disk_mode mode, const char *path, int out, holm_error **error);
