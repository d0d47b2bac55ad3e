// The nodes of a layer's tree, for the parts that walk it.
#pragma once

#include "core/image/layer_tree.h"

typedef struct layer_node {
    uint32_t parent;
    uint32_t first_child;
    uint32_t next_sibling;
    uint32_t hash, hash_next;
    uint32_t name; ///< offset into names
    uint32_t inode;
    uint16_t mode; ///< the type
    uint8_t name_length;
    uint8_t flags;
} layer_node;

typedef struct layer_link {
    uint32_t node;
    char *target; ///< from the root, links among its parents not yet followed
} layer_link;

struct layer_tree {
    ext4_image *image;
    layer_limits limits;
    layer_node *nodes;
    uint32_t node_count; ///< nodes[0] is nobody
    size_t node_capacity;
    char *names;
    size_t names_length, names_capacity;
    uint32_t *buckets;
    uint32_t bucket_count; ///< a power of two
    uint64_t hash_key[2];
    layer_link *links;
    size_t link_count, link_capacity;
    size_t link_bytes;
    bool root_given;
    struct layer_lower *lower; ///< the layers below, while the tree is completed; borrowed
};

/// 0 when there is none.
uint32_t layer_tree_find(const layer_tree *self, uint32_t parent, const char *name, size_t length);
/// Adds a node that is not there. 0 on failure.
uint32_t layer_tree_add(layer_tree *self, uint32_t parent, const char *name, size_t length, uint32_t mode,
                        uint32_t inode, holm_error **error);
/// Adds a folder of root:root 0755 that waits for its attributes. 0 on failure.
uint32_t layer_tree_add_parent(layer_tree *self, uint32_t parent, const char *name, size_t length,
                               holm_error **error);
/// Takes an inode and stores such a folder in it. 0 on failure.
uint32_t layer_tree_take_parent(layer_tree *self, holm_error **error);
/// Empties the node: its inode and all below it are dropped. The node itself stays to be filled again.
int layer_tree_clear(layer_tree *self, uint32_t node, holm_error **error);
/// Hangs a node into another folder, which has no such name.
void layer_tree_move(layer_tree *self, uint32_t node, uint32_t parent);
/// Takes an emptied node out of the tree.
void layer_tree_remove(layer_tree *self, uint32_t node);
/// Walks a path, the last name too, from a folder on; folders that are missing are made. 0 on failure.
uint32_t layer_tree_reach(layer_tree *self, uint32_t from, const char *path, holm_error **error);
/// With `lower`: the target of the link that the layers below have at this name, or NULL when they have none.
/// The caller frees it.
int layer_tree_lower_link(const layer_tree *self, uint32_t parent, const char *name, size_t length,
                          char **target, holm_error **error);
