// The tree of a layer while it is read: names and inode numbers in memory, all else in the image already. It
// applies the rules of the OCI image specification (layer.md): later entries win, whiteouts concern lower
// layers only, names never leave the root, links among the parents are followed inside it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/image/ext4_image.h"
#include "core/image/layer.h"

typedef struct layer_tree layer_tree;

enum { LAYER_TREE_ROOT = 1, LAYER_PATH_MOST = 4096 };

typedef enum layer_node_flags {
    LAYER_NODE_PARENT =
        1, ///< a folder that only came as a parent: its attributes are those of the lower layer
    LAYER_NODE_OPAQUE = 2,   ///< a folder that hides the lower one
    LAYER_NODE_REMOVED = 4,  ///< the lower entry of this name is gone, whatever there is now
    LAYER_NODE_WHITEOUT = 8, ///< nothing but a mark that the lower entry is gone
    LAYER_NODE_LINK = 16,    ///< a hard link to a file of a lower layer; no inode yet
} layer_node_flags;

/// Where an entry goes: a folder of the tree and a name in it. An empty name is the root itself.
typedef struct layer_place {
    uint32_t parent;
    char name[EXT4_NAME_MOST + 1];
} layer_place;

/// The image stays the caller's.
layer_tree *layer_tree_create(ext4_image *image, const layer_limits *limits, holm_error **error);
void layer_tree_destroy(layer_tree *self);
CLEANUP_DEFINE(layer_tree, layer_tree_cleanup, layer_tree_destroy)

/// Finds the place of a path from a tar, making the parents that are missing. A path with "..", a name above
/// 255 bytes, or a file among the parents is refused.
int layer_tree_resolve(layer_tree *self, const char *path, layer_place *place, holm_error **error);

/// Puts an inode (stored, one link) at the place; what was there is dropped.
int layer_tree_put(layer_tree *self, const layer_place *place, uint32_t mode, uint32_t inode,
                   holm_error **error);
/// A folder with attributes; one that is there keeps its entries.
int layer_tree_put_directory(layer_tree *self, const layer_place *place, const ext4_attributes *attributes,
                             holm_error **error);
/// A hard link to `target`, a path from the tar.
int layer_tree_put_link(layer_tree *self, const layer_place *place, const char *target, holm_error **error);
int layer_tree_put_whiteout(layer_tree *self, const layer_place *place, holm_error **error);
/// The folder of the place hides that of the lower layers.
void layer_tree_mark_opaque(layer_tree *self, uint32_t directory);

/// Counts into the result what is missing.
void layer_tree_report(const layer_tree *self, layer_result *result);

/// Writes the folders and seals the image.
int layer_tree_seal(layer_tree *self, const uint8_t identity[32], holm_error **error);
