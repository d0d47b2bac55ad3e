// The end of a tree: what is missing, and the folders on their way into the image.
#include <string.h>
#include <sys/stat.h>

#include "core/image/ext4_private.h"
#include "core/image/layer_tree_private.h"

void layer_tree_report(const layer_tree *self, layer_result *result) {
    result->missing_parents = result->missing_links = 0;
    for (uint32_t node = LAYER_TREE_ROOT + 1; node < self->node_count; node++) {
        const layer_node *it = &self->nodes[node];
        bool parent = it->inode && it->flags & LAYER_NODE_PARENT && !(it->flags & LAYER_NODE_REMOVED);
        result->missing_parents += parent;
        result->missing_links += (it->flags & LAYER_NODE_LINK) != 0;
    }
    result->root_missing = !self->root_given;
    result->root_opaque = self->nodes[LAYER_TREE_ROOT].flags & LAYER_NODE_OPAQUE;
    result->complete = !result->missing_parents && !result->missing_links && !result->root_opaque;
}

/// The children of one folder, by number.
typedef struct tree_children {
    const layer_tree *tree;
    uint32_t *nodes;
    size_t count, capacity;
} tree_children;

static void tree_children_finish(tree_children *self) {
    free(self->nodes);
}

static ext4_dirent children_entry(void *data, size_t index) {
    const tree_children *self = data;
    const layer_node *node = &self->tree->nodes[self->nodes[index]];
    return (ext4_dirent){.name = self->tree->names + node->name,
                         .length = node->name_length,
                         .mode = node->mode,
                         .inode = node->inode};
}

static int children_collect(tree_children *self, uint32_t directory, holm_error **error) {
    self->count = 0;
    for (uint32_t node = self->tree->nodes[directory].first_child; node;
         node = self->tree->nodes[node].next_sibling) {
        if (!self->tree->nodes[node].inode) {
            holm_error_set(error, HOLM_ERROR_INTERNAL, "a hard link of the layer was never found");
            return -1;
        }
        if (ext4_array_grow(&self->nodes, &self->capacity, self->count, sizeof *self->nodes, error) < 0)
            return -1;
        self->nodes[self->count++] = node;
    }
    // The list has the newest first: as it came is how it is read again.
    for (size_t i = 0; i < self->count / 2; i++) {
        uint32_t other = self->nodes[i];
        self->nodes[i] = self->nodes[self->count - 1 - i];
        self->nodes[self->count - 1 - i] = other;
    }
    return 0;
}

int layer_tree_seal(layer_tree *self, const uint8_t identity[32], holm_error **error) {
    cleanup(tree_children_finish) tree_children children = {.tree = self};
    for (uint32_t node = LAYER_TREE_ROOT; node < self->node_count; node++) {
        const layer_node *it = &self->nodes[node];
        if (!it->inode || !S_ISDIR(it->mode))
            continue;
        // Opacity of the root is nothing overlayfs knows; layer_tree_complete has put whiteouts for it.
        bool opaque = it->flags & LAYER_NODE_OPAQUE && node != LAYER_TREE_ROOT;
        if (children_collect(&children, node, error) < 0 ||
            ext4_directory_store(self->image, it->inode, self->nodes[it->parent].inode, children.count,
                                 children_entry, &children, opaque, identity, error) < 0)
            return -1;
    }
    return ext4_image_seal(self->image, identity, error);
}
