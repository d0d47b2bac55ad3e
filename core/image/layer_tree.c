#include "core/image/layer_tree.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "core/image/ext4_private.h"
#include "core/image/layer_tree_private.h"

static const ext4_attributes parent_attributes = {.mode = S_IFDIR | 0755};

layer_tree *layer_tree_create(ext4_image *image, const layer_limits *limits, holm_error **error) {
    cleanup(layer_tree_cleanup) layer_tree *self = calloc(1, sizeof *self);
    if (!self) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the layer");
        return NULL;
    }
    self->image = image;
    self->limits = *limits;
    self->bucket_count = 1024;
    self->buckets = calloc(self->bucket_count, sizeof *self->buckets);
    if (!self->buckets || getrandom(self->hash_key, sizeof self->hash_key, 0) < 0) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the layer");
        return NULL;
    }
    if (ext4_array_grow(&self->nodes, &self->node_capacity, 0, sizeof *self->nodes, error) < 0 ||
        ext4_special_store(image, EXT4_ROOT_INODE, &parent_attributes, error) < 0)
        return NULL;
    self->nodes[0] = (layer_node){0};
    self->nodes[LAYER_TREE_ROOT] =
        (layer_node){.parent = LAYER_TREE_ROOT, .inode = EXT4_ROOT_INODE, .mode = S_IFDIR};
    self->node_count = 2;
    return steal_pointer(&self);
}

void layer_tree_destroy(layer_tree *self) {
    if (!self)
        return;
    for (size_t i = 0; i < self->link_count; i++)
        free(self->links[i].target);
    free(self->links);
    free(self->nodes);
    free(self->names);
    free(self->buckets);
    free(self);
}

// ---- names ----

/// Keyed, so that nobody can choose names that all fall into one bucket.
static uint32_t name_hash(const layer_tree *self, uint32_t parent, const char *name, size_t length) {
    uint64_t hash = self->hash_key[0] ^ parent;
    for (size_t at = 0; at < length; at += 8) {
        uint64_t word = 0;
        memcpy(&word, name + at, length - at < 8 ? length - at : 8);
        __uint128_t product = (__uint128_t)(hash ^ word) * (self->hash_key[1] | 1);
        hash = (uint64_t)product ^ (uint64_t)(product >> 64) ^ (uint64_t)length;
    }
    return (uint32_t)(hash ^ hash >> 32);
}

uint32_t layer_tree_find(const layer_tree *self, uint32_t parent, const char *name, size_t length) {
    uint32_t hash = name_hash(self, parent, name, length);
    for (uint32_t node = self->buckets[hash & (self->bucket_count - 1)]; node;
         node = self->nodes[node].hash_next) {
        const layer_node *it = &self->nodes[node];
        if (it->hash == hash && it->parent == parent && it->name_length == length &&
            memcmp(self->names + it->name, name, length) == 0)
            return node;
    }
    return 0;
}

static int buckets_double(layer_tree *self, holm_error **error) {
    uint32_t count = self->bucket_count * 2;
    uint32_t *buckets = calloc(count, sizeof *buckets);
    if (!buckets) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the layer");
        return -1;
    }
    for (uint32_t old = 0; old < self->bucket_count; old++)
        for (uint32_t node = self->buckets[old], next; node; node = next) {
            layer_node *it = &self->nodes[node];
            next = it->hash_next;
            it->hash_next = buckets[it->hash & (count - 1)];
            buckets[it->hash & (count - 1)] = node;
        }
    free(self->buckets);
    self->buckets = buckets;
    self->bucket_count = count;
    return 0;
}

static int name_store(layer_tree *self, const char *name, size_t length, uint32_t *offset,
                      holm_error **error) {
    if (length > self->limits.name_bytes - self->names_length) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the names in the layer take more than %llu bytes",
                       (unsigned long long)self->limits.name_bytes);
        return -1;
    }
    if (self->names_length + length > self->names_capacity) {
        size_t capacity = (self->names_length + length) * 3 / 2 + 4096;
        char *names = realloc(self->names, capacity);
        if (!names) {
            holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the layer");
            return -1;
        }
        self->names = names;
        self->names_capacity = capacity;
    }
    memcpy(self->names + self->names_length, name, length);
    *offset = (uint32_t)self->names_length;
    self->names_length += length;
    return 0;
}

uint32_t layer_tree_add(layer_tree *self, uint32_t parent, const char *name, size_t length, uint32_t mode,
                        uint32_t inode, holm_error **error) {
    // Parents that come without an entry count too: a long path is many of them.
    if (self->node_count >= 2 * self->limits.entries + 1024) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the layer has too many files");
        return 0;
    }
    uint32_t offset;
    if ((self->node_count >= self->bucket_count && buckets_double(self, error) < 0) ||
        ext4_array_grow(&self->nodes, &self->node_capacity, self->node_count, sizeof *self->nodes, error) <
            0 ||
        name_store(self, name, length, &offset, error) < 0)
        return 0;
    uint32_t hash = name_hash(self, parent, name, length);
    uint32_t *bucket = &self->buckets[hash & (self->bucket_count - 1)];
    uint32_t node = self->node_count++;
    self->nodes[node] = (layer_node){
        .parent = parent,
        .next_sibling = self->nodes[parent].first_child,
        .hash = hash,
        .hash_next = *bucket,
        .name = offset,
        .name_length = (uint8_t)length,
        .mode = (uint16_t)(mode & S_IFMT),
        .inode = inode,
    };
    self->nodes[parent].first_child = node;
    *bucket = node;
    return node;
}

uint32_t layer_tree_take_parent(layer_tree *self, holm_error **error) {
    uint32_t inode = ext4_inode_take(self->image, error);
    if (inode && ext4_special_store(self->image, inode, &parent_attributes, error) < 0)
        return 0;
    return inode;
}

uint32_t layer_tree_add_parent(layer_tree *self, uint32_t parent, const char *name, size_t length,
                               holm_error **error) {
    uint32_t inode = layer_tree_take_parent(self, error);
    uint32_t node = inode ? layer_tree_add(self, parent, name, length, S_IFDIR, inode, error) : 0;
    if (node)
        self->nodes[node].flags = LAYER_NODE_PARENT;
    return node;
}

static void node_unhash(layer_tree *self, uint32_t node) {
    uint32_t *at = &self->buckets[self->nodes[node].hash & (self->bucket_count - 1)];
    while (*at != node)
        at = &self->nodes[*at].hash_next;
    *at = self->nodes[node].hash_next;
}

void layer_tree_remove(layer_tree *self, uint32_t node) {
    uint32_t *at = &self->nodes[self->nodes[node].parent].first_child;
    while (*at != node)
        at = &self->nodes[*at].next_sibling;
    *at = self->nodes[node].next_sibling;
    node_unhash(self, node);
    self->nodes[node].flags = 0;
}

void layer_tree_move(layer_tree *self, uint32_t node, uint32_t parent) {
    layer_node *it = &self->nodes[node];
    node_unhash(self, node);
    it->parent = parent;
    it->next_sibling = self->nodes[parent].first_child;
    self->nodes[parent].first_child = node;
    it->hash = name_hash(self, parent, self->names + it->name, it->name_length);
    it->hash_next = self->buckets[it->hash & (self->bucket_count - 1)];
    self->buckets[it->hash & (self->bucket_count - 1)] = node;
}

static int node_drop_inode(layer_tree *self, uint32_t node, holm_error **error) {
    layer_node *it = &self->nodes[node];
    uint32_t inode = it->inode;
    it->inode = 0;
    it->flags &= (uint8_t)~LAYER_NODE_LINK;
    if (!inode)
        return 0;
    return S_ISDIR(it->mode) ? ext4_inode_drop(self->image, inode, error)
                             : ext4_inode_unlink(self->image, inode, error);
}

int layer_tree_clear(layer_tree *self, uint32_t top, holm_error **error) {
    // Always down to a first child, which then leaves the list: no recursion, however deep.
    for (uint32_t node = self->nodes[top].first_child; node;) {
        if (self->nodes[node].first_child) {
            node = self->nodes[node].first_child;
            continue;
        }
        if (node_drop_inode(self, node, error) < 0)
            return -1;
        node_unhash(self, node);
        uint32_t parent = self->nodes[node].parent;
        uint32_t next = self->nodes[node].next_sibling;
        self->nodes[parent].first_child = next;
        node = next ? next : parent == top ? 0 : parent;
    }
    return node_drop_inode(self, top, error);
}

// ---- entries ----

static uint32_t place_find(const layer_tree *self, const layer_place *place) {
    return *place->name ? layer_tree_find(self, place->parent, place->name, strlen(place->name))
                        : LAYER_TREE_ROOT;
}

static int place_check(const layer_place *place, holm_error **error) {
    if (*place->name)
        return 0;
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "the root can only be a folder");
    return -1;
}

/// Makes the node of the place hold a new inode (or none yet), whatever it was before.
static uint32_t place_fill(layer_tree *self, const layer_place *place, uint32_t mode, uint32_t inode,
                           holm_error **error) {
    uint32_t node = place_find(self, place);
    if (!node)
        return layer_tree_add(self, place->parent, place->name, strlen(place->name), mode, inode, error);
    layer_node *it = &self->nodes[node];
    // What was there, of this layer or a lower one, is gone: a folder in its place starts empty.
    uint8_t flags = LAYER_NODE_REMOVED | (S_ISDIR(mode) ? LAYER_NODE_OPAQUE : 0);
    if (layer_tree_clear(self, node, error) < 0)
        return 0;
    it->mode = (uint16_t)(mode & S_IFMT);
    it->inode = inode;
    it->flags = flags;
    return node;
}

int layer_tree_put(layer_tree *self, const layer_place *place, uint32_t mode, uint32_t inode,
                   holm_error **error) {
    if (place_check(place, error) < 0)
        return -1;
    return place_fill(self, place, mode, inode, error) ? 0 : -1;
}

int layer_tree_put_directory(layer_tree *self, const layer_place *place, const ext4_attributes *attributes,
                             holm_error **error) {
    uint32_t node = place_find(self, place);
    if (node && S_ISDIR(self->nodes[node].mode)) {
        self->nodes[node].flags &= (uint8_t)~LAYER_NODE_PARENT;
        self->root_given |= node == LAYER_TREE_ROOT;
        ext4_inode_clear(self->image, self->nodes[node].inode);
        return ext4_special_store(self->image, self->nodes[node].inode, attributes, error);
    }
    uint32_t inode = ext4_inode_take(self->image, error);
    if (!inode || ext4_special_store(self->image, inode, attributes, error) < 0)
        return -1;
    return place_fill(self, place, S_IFDIR, inode, error) ? 0 : -1;
}

/// Notes a link to a file of a lower layer.
static int link_note(layer_tree *self, const layer_place *place, const char *target, holm_error **error) {
    self->link_bytes += strlen(target);
    if (self->link_bytes > self->limits.name_bytes) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the layer has too many links to lower layers");
        return -1;
    }
    uint32_t node = place_fill(self, place, S_IFREG, 0, error);
    if (!node ||
        ext4_array_grow(&self->links, &self->link_capacity, self->link_count, sizeof *self->links, error) < 0)
        return -1;
    char *copy = strdup(target);
    if (!copy) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the layer");
        return -1;
    }
    self->nodes[node].flags |= LAYER_NODE_LINK;
    self->links[self->link_count++] = (layer_link){.node = node, .target = copy};
    return 0;
}

int layer_tree_put_link(layer_tree *self, const layer_place *place, const char *target, holm_error **error) {
    layer_place found;
    if (place_check(place, error) < 0)
        return -1;
    if (layer_tree_resolve(self, target, &found, error) < 0) {
        holm_error_wrap(error, "the target of the link");
        return -1;
    }
    uint32_t node = place_find(self, &found);
    if (!node || self->nodes[node].flags & LAYER_NODE_WHITEOUT)
        return link_note(self, place, target, error);
    if (S_ISDIR(self->nodes[node].mode)) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a hard link to a folder");
        return -1;
    }
    if (node == place_find(self, place))
        return 0;
    if (self->nodes[node].flags & LAYER_NODE_LINK) {
        for (size_t i = self->link_count; i-- > 0;)
            if (self->links[i].node == node)
                return link_note(self, place, self->links[i].target, error);
    }
    uint32_t inode = self->nodes[node].inode, mode = self->nodes[node].mode;
    if (ext4_inode_link(self->image, inode, error) < 0)
        return -1;
    return place_fill(self, place, mode, inode, error) ? 0 : -1;
}

int layer_tree_put_whiteout(layer_tree *self, const layer_place *place, holm_error **error) {
    static const ext4_attributes whiteout = {.mode = S_IFCHR};
    if (place_check(place, error) < 0)
        return -1;
    uint32_t node = place_find(self, place);
    if (node) {
        self->nodes[node].flags |= LAYER_NODE_REMOVED;
        if (S_ISDIR(self->nodes[node].mode))
            self->nodes[node].flags |= LAYER_NODE_OPAQUE;
        return 0;
    }
    uint32_t inode = ext4_inode_take(self->image, error);
    if (!inode || ext4_special_store(self->image, inode, &whiteout, error) < 0)
        return -1;
    node = layer_tree_add(self, place->parent, place->name, strlen(place->name), S_IFCHR, inode, error);
    if (node)
        self->nodes[node].flags = LAYER_NODE_WHITEOUT | LAYER_NODE_REMOVED;
    return node ? 0 : -1;
}

void layer_tree_mark_opaque(layer_tree *self, uint32_t directory) {
    self->nodes[directory].flags |= LAYER_NODE_OPAQUE;
}
