// Paths through the tree of a layer: links among the parents are followed inside the root, as a runtime that
// unpacks into a folder would (github.com/cyphar/filepath-securejoin tells why).
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/layer_tree_private.h"

enum { LINKS_FOLLOWED_MOST = 40, EXPANDED_MOST = 16 * LAYER_PATH_MOST };

typedef struct tree_walk {
    layer_tree *tree;
    uint32_t node;
    unsigned followed;
    char *rest; ///< what is still to walk, when a link has changed it
} tree_walk;

static void tree_walk_finish(tree_walk *self) {
    free(self->rest);
}

/// Goes on along the target of a link: the target, then what came behind the link. Returns what to walk, or
/// NULL.
static const char *walk_follow(tree_walk *self, const char *target, const char *behind, holm_error **error) {
    if (++self->followed > LINKS_FOLLOWED_MOST) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "too many symbolic links on the way");
        return NULL;
    }
    if (strlen(target) + strlen(behind) > EXPANDED_MOST) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a path grows too long through symbolic links");
        return NULL;
    }
    char *rest = NULL;
    if (asprintf(&rest, "%s/%s", target, behind) < 0) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for a path");
        return NULL;
    }
    if (*target == '/')
        self->node = LAYER_TREE_ROOT;
    free(self->rest);
    return self->rest = rest;
}

/// One step into a folder, which is made when there is none. Returns what is left to walk, or NULL.
static const char *walk_step(tree_walk *self, const char *name, size_t length, const char *behind,
                             holm_error **error) {
    layer_tree *tree = self->tree;
    uint32_t next = layer_tree_find(tree, self->node, name, length);
    if (!next && tree->lower) {
        cleanup_free char *target = NULL;
        if (layer_tree_lower_link(tree, self->node, name, length, &target, error) < 0)
            return NULL;
        if (target)
            return walk_follow(self, target, behind, error);
    }
    if (!next)
        next = layer_tree_add_parent(tree, self->node, name, length, error);
    if (!next)
        return NULL;
    layer_node *node = &tree->nodes[next];
    if (S_ISLNK(node->mode)) {
        cleanup_free char *target = ext4_symlink_read(tree->image, node->inode, error);
        return target ? walk_follow(self, target, behind, error) : NULL;
    }
    if (node->flags & LAYER_NODE_WHITEOUT) {
        // The lower entry is gone, and something new begins here.
        if (ext4_inode_unlink(tree->image, node->inode, error) < 0)
            return NULL;
        node->inode = layer_tree_take_parent(tree, error);
        node->mode = S_IFDIR;
        node->flags = LAYER_NODE_REMOVED | LAYER_NODE_OPAQUE;
        if (!node->inode)
            return NULL;
    }
    if (!S_ISDIR(node->mode)) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a parent of it is a file");
        return NULL;
    }
    self->node = next;
    return behind;
}

static int place_name(layer_place *place, const char *name, size_t length, holm_error **error) {
    if (length > EXT4_NAME_MOST) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a name of %zu bytes is too long", length);
        return -1;
    }
    memcpy(place->name, name, length);
    place->name[length] = 0;
    return 0;
}

/// Walks to the last name, which is not followed.
static int walk(tree_walk *self, const char *path, layer_place *place, holm_error **error) {
    place->name[0] = 0;
    for (;;) {
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        const char *behind = path + length + strspn(path + length, "/");
        bool dot = length == 1 && path[0] == '.', dots = length == 2 && path[0] == '.' && path[1] == '.';
        if (!length || (dot && !*behind)) {
            place->parent = self->node;
            return 0;
        }
        if (length > EXT4_NAME_MOST)
            return place_name(place, path, length, error);
        // "x/." names x, as "x/" does.
        bool last = !behind[strspn(behind, "./")] && !strstr(behind, "..");
        if (dot)
            path = behind;
        else if (dots) {
            self->node = self->tree->nodes[self->node].parent;
            path = behind;
        } else if (last) {
            place->parent = self->node;
            return place_name(place, path, length, error);
        } else if (!(path = walk_step(self, path, length, behind, error)))
            return -1;
    }
}

static bool path_has_dots(const char *path) {
    for (const char *at = path; (at = strstr(at, "..")); at += 2)
        if ((at == path || at[-1] == '/') && (at[2] == '/' || !at[2]))
            return true;
    return false;
}

int layer_tree_resolve(layer_tree *self, const char *path, layer_place *place, holm_error **error) {
    cleanup(tree_walk_finish) tree_walk state = {.tree = self, .node = LAYER_TREE_ROOT};
    if (strlen(path) > LAYER_PATH_MOST) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a path of %zu bytes is too long", strlen(path));
        return -1;
    }
    if (path_has_dots(path)) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "it has a \"..\" in it");
        return -1;
    }
    return walk(&state, path, place, error);
}

uint32_t layer_tree_reach(layer_tree *self, uint32_t from, const char *path, holm_error **error) {
    // A last name that names nothing makes the walk step into everything before it.
    cleanup(tree_walk_finish) tree_walk state = {.tree = self, .node = *path == '/' ? LAYER_TREE_ROOT : from};
    cleanup_free char *whole = NULL;
    layer_place place;
    if (asprintf(&whole, "%s/x", path) < 0) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for a path");
        return 0;
    }
    return walk(&state, whole, &place, error) < 0 ? 0 : place.parent;
}
