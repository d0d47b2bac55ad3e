#include "core/image/layer_complete.h"

#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/layer_lower.h"
#include "core/image/layer_tree_private.h"

enum {
    MISSING_MOST = 100000, ///< in one layer: each costs a walk through the lower ones
    DEPTH_MOST = LAYER_PATH_MOST / 2 + 1,
};

/// A file of a lower layer that this one has a copy of now.
typedef struct lower_copy {
    layer_lower_file file;
    uint32_t inode;
} lower_copy;

typedef struct completion {
    layer_tree *tree;
    layer_lower *lower;
    void *copies; ///< a tree of tsearch(3)
    size_t done;
} completion;

static void completion_finish(completion *self) {
    tdestroy(self->copies, free);
    layer_lower_close(self->lower);
    self->tree->lower = NULL;
}

static int completion_count(completion *self, holm_error **error) {
    if (++self->done <= MISSING_MOST)
        return 0;
    holm_error_set(error, HOLM_ERROR_LIMIT, "the layer leaves more than %d things to the layers below it",
                   MISSING_MOST);
    return -1;
}

/// What lower layers show at `name` in a folder of this one. 1, 0 when there is nothing, -1.
static int lower_find(const layer_tree *tree, layer_lower *lower, uint32_t parent, const char *name,
                      size_t length, layer_lower_file *file, holm_error **error) {
    char *names[DEPTH_MOST];
    size_t at = DEPTH_MOST;
    int found = 0;
    names[--at] = strndup(name, length);
    for (uint32_t node = parent; names[at]; node = tree->nodes[node].parent) {
        const layer_node *it = &tree->nodes[node];
        if (it->flags & (LAYER_NODE_OPAQUE | LAYER_NODE_REMOVED))
            goto out; // nothing shows through
        if (node == LAYER_TREE_ROOT)
            break;
        if (!at) {
            holm_error_set(error, HOLM_ERROR_LIMIT, "a path is too deep");
            found = -1;
            goto out;
        }
        names[--at] = strndup(tree->names + it->name, it->name_length);
    }
    if (!names[at]) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for a path");
        found = -1;
        goto out;
    }
    found = layer_lower_find(lower, (const char *const *)names + at, DEPTH_MOST - at, file, error);
out:
    for (; at < DEPTH_MOST; at++)
        free(names[at]);
    return found;
}

/// For the walk along a path: where a lower layer has a link, it leads on.
int layer_tree_lower_link(const layer_tree *self, uint32_t parent, const char *name, size_t length,
                          char **target, holm_error **error) {
    layer_lower_file file;
    *target = NULL;
    int found = lower_find(self, self->lower, parent, name, length, &file, error);
    if (found <= 0 || !S_ISLNK(file.mode))
        return found < 0 ? -1 : 0;
    *target = layer_lower_target(self->lower, &file, error);
    return *target ? 0 : -1;
}

// ---- folders without an entry ----

/// Hangs what is in one folder into another one, which may have some of it.
static int graft(layer_tree *tree, uint32_t from, uint32_t to, holm_error **error) {
    for (uint32_t child = tree->nodes[from].first_child, next; child; child = next) {
        layer_node *it = &tree->nodes[child];
        next = it->next_sibling;
        if (layer_tree_find(tree, to, tree->names + it->name, it->name_length)) {
            holm_error_set(error, HOLM_ERROR_UNSUPPORTED,
                           "\"%.*s\" is there twice, once by way of a link in a lower layer", it->name_length,
                           tree->names + it->name);
            return -1;
        }
        layer_tree_move(tree, child, to);
    }
    tree->nodes[from].first_child = 0;
    return 0;
}

/// The folder is a link in a lower layer: what came in it belongs where the link leads.
static int parent_follow(completion *self, uint32_t node, const layer_lower_file *file, holm_error **error) {
    layer_tree *tree = self->tree;
    layer_node copy = tree->nodes[node];
    cleanup_free char *target = layer_lower_target(self->lower, file, error);
    if (!target)
        return -1;
    uint32_t to = layer_tree_reach(tree, copy.parent, target, error);
    if (!to)
        return -1;
    for (uint32_t above = to; above != LAYER_TREE_ROOT; above = tree->nodes[above].parent)
        if (above == node) {
            holm_error_set(error, HOLM_ERROR_INTEGRITY, "a link in a lower layer leads into itself");
            return -1;
        }
    if (graft(tree, node, to, error) < 0 || layer_tree_clear(tree, node, error) < 0)
        return -1;
    layer_tree_remove(tree, node);
    return 0;
}

static int parent_complete(completion *self, uint32_t node, holm_error **error) {
    layer_tree *tree = self->tree;
    layer_node *it = &tree->nodes[node];
    layer_lower_file file;
    if (completion_count(self, error) < 0)
        return -1;
    int found = it->flags & LAYER_NODE_REMOVED
                    ? 0
                    : lower_find(tree, self->lower, it->parent, tree->names + it->name, it->name_length,
                                 &file, error);
    if (found <= 0)
        return found; // a new folder then, of root:root 0755
    if (S_ISLNK(file.mode))
        return parent_follow(self, node, &file, error);
    if (!S_ISDIR(file.mode)) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the folder \"%.*s\" is a file in a lower layer",
                       it->name_length, tree->names + it->name);
        return -1;
    }
    cleanup(ext4_xattr_list_finish) ext4_xattr_list xattrs = {0};
    ext4_attributes attributes;
    if (layer_lower_describe(self->lower, &file, &attributes, &xattrs, error) < 0)
        return -1;
    ext4_inode_clear(tree->image, it->inode);
    return ext4_special_store(tree->image, it->inode, &attributes, error);
}

/// From `first` on; links among the lower parents make more of them.
static int parents_complete(completion *self, uint32_t first, holm_error **error) {
    for (uint32_t node = first; node < self->tree->node_count; node++) {
        layer_node *it = &self->tree->nodes[node];
        if (it->inode && it->flags & LAYER_NODE_PARENT && parent_complete(self, node, error) < 0)
            return -1;
    }
    return 0;
}

// ---- hard links to lower files ----

static int copy_compare(const void *left, const void *right) {
    const lower_copy *a = left, *b = right;
    if (a->file.layer != b->file.layer)
        return a->file.layer < b->file.layer ? -1 : 1;
    return a->file.inode < b->file.inode ? -1 : a->file.inode > b->file.inode;
}

/// The inode that stands for the lower file in this image, with one link more. 0 on failure.
static uint32_t copy_take(completion *self, const layer_lower_file *file, holm_error **error) {
    lower_copy *copy = malloc(sizeof *copy);
    lower_copy **found = NULL;
    if (copy) {
        *copy = (lower_copy){.file = *file};
        found = tsearch(copy, &self->copies, copy_compare);
    }
    if (!found) {
        free(copy);
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for a copy");
        return 0;
    }
    if (*found != copy) {
        free(copy);
        return ext4_inode_link(self->tree->image, (*found)->inode, error) < 0 ? 0 : (*found)->inode;
    }
    return copy->inode = layer_lower_copy(self->lower, file, self->tree->image, error);
}

static int link_complete(completion *self, const layer_link *link, holm_error **error) {
    layer_tree *tree = self->tree;
    layer_place place;
    layer_lower_file file;
    if (completion_count(self, error) < 0 || layer_tree_resolve(tree, link->target, &place, error) < 0)
        return -1;
    int found = lower_find(tree, self->lower, place.parent, place.name, strlen(place.name), &file, error);
    if (found < 0)
        return -1;
    if (!found || S_ISDIR(file.mode)) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a hard link to \"%.200s\", which is %s", link->target,
                       found ? "a folder" : "nowhere");
        return -1;
    }
    uint32_t inode = copy_take(self, &file, error);
    if (!inode)
        return -1;
    tree->nodes[link->node].inode = inode;
    tree->nodes[link->node].mode = file.mode & S_IFMT;
    tree->nodes[link->node].flags &= (uint8_t)~LAYER_NODE_LINK;
    // The other name moves up with it: so both are one file still.
    if (layer_tree_find(tree, place.parent, place.name, strlen(place.name)))
        return 0;
    inode = copy_take(self, &file, error);
    return inode ? layer_tree_put(tree, &place, file.mode, inode, error) : -1;
}

static int links_complete(completion *self, holm_error **error) {
    layer_tree *tree = self->tree;
    // The last note about a node is the one that counts.
    for (size_t i = tree->link_count; i-- > 0;)
        if (tree->nodes[tree->links[i].node].flags & LAYER_NODE_LINK &&
            link_complete(self, &tree->links[i], error) < 0)
            return -1;
    return 0;
}

// ---- an opaque root ----

static int root_hide(void *data, const char *name, holm_error **error) {
    completion *self = data;
    layer_place place = {.parent = LAYER_TREE_ROOT};
    snprintf(place.name, sizeof place.name, "%s", name);
    return layer_tree_put_whiteout(self->tree, &place, error);
}

int layer_tree_complete(layer_tree *self, const char *const *lower, size_t count, holm_error **error) {
    cleanup(completion_finish)
        completion state = {.tree = self, .lower = layer_lower_open(lower, count, error)};
    if (!state.lower)
        return -1;
    self->lower = state.lower;
    if (parents_complete(&state, LAYER_TREE_ROOT + 1, error) < 0)
        return -1;
    uint32_t before = self->node_count;
    if (links_complete(&state, error) < 0 || parents_complete(&state, before, error) < 0)
        return -1;
    if (!(self->nodes[LAYER_TREE_ROOT].flags & LAYER_NODE_OPAQUE))
        return 0;
    return layer_lower_list_root(state.lower, root_hide, &state, error);
}
