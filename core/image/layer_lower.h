// Reads images of finished layers, one above the other as overlayfs will show them.
#pragma once

#include "core/image/ext4_image.h"

typedef struct layer_lower layer_lower;

/// Something in the lower layers: in which of them, and what it is there.
typedef struct layer_lower_file {
    size_t layer;
    uint32_t inode;
    uint32_t mode;
} layer_lower_file;

/// Opens the images, the lowest first. Without any, nothing is ever found.
layer_lower *layer_lower_open(const char *const *paths, size_t count, holm_error **error);
void layer_lower_close(layer_lower *self);
CLEANUP_DEFINE(layer_lower, layer_lower_cleanup, layer_lower_close)

/// Looks the names up, from the root, no link followed. 1 when there is such a file, 0 when there is none, -1
/// on failure.
int layer_lower_find(layer_lower *self, const char *const *names, size_t count, layer_lower_file *file,
                     holm_error **error);

/// Its attributes; their list is the caller's to finish.
int layer_lower_describe(layer_lower *self, const layer_lower_file *file, ext4_attributes *attributes,
                         ext4_xattr_list *xattrs, holm_error **error);
/// The target of a symbolic link; the caller frees it.
char *layer_lower_target(layer_lower *self, const layer_lower_file *file, holm_error **error);
/// Stores a copy of a file that is no folder in the image. Returns its inode, 0 on failure.
uint32_t layer_lower_copy(layer_lower *self, const layer_lower_file *file, ext4_image *image,
                          holm_error **error);
/// Calls `each` for every name in the roots of the layers; a name may come more than once.
int layer_lower_list_root(layer_lower *self, int (*each)(void *data, const char *name, holm_error **error),
                          void *data, holm_error **error);
