// Folders: one block in a row, or a hash tree (htree) from the second block on, so that looking a name up
// costs the same in a folder of 100,000.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/ext4_private.h"

enum {
    ROOT_ENTRIES = (EXT4_BLOCK_SIZE - 32) / 8, // behind ".", ".." and the description of the tree
    NODE_ENTRIES = (EXT4_BLOCK_SIZE - 8) / 8,
};

typedef struct directory_key {
    uint32_t hash, minor, index;
} directory_key;

/// A leaf: its first hash, and where its entries end in the sorted keys.
typedef struct directory_leaf {
    uint32_t hash, end;
} directory_leaf;

typedef struct directory_source {
    ext4_image *image;
    ext4_dirent (*entry)(void *data, size_t index);
    void *data;
    size_t count;
    uint32_t inode, parent;
    directory_key *keys;
    directory_leaf *leaves;
    size_t leaf_count, leaf_capacity;
} directory_source;

static void directory_source_finish(directory_source *self) {
    free(self->keys);
    free(self->leaves);
}

static uint8_t entry_type(uint32_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG:
        return EXT2_FT_REG_FILE;
    case S_IFDIR:
        return EXT2_FT_DIR;
    case S_IFCHR:
        return EXT2_FT_CHRDEV;
    case S_IFBLK:
        return EXT2_FT_BLKDEV;
    case S_IFIFO:
        return EXT2_FT_FIFO;
    case S_IFSOCK:
        return EXT2_FT_SOCK;
    case S_IFLNK:
        return EXT2_FT_SYMLINK;
    default:
        return EXT2_FT_UNKNOWN;
    }
}

static size_t entry_length(size_t name_length) {
    return (8 + name_length + 3) & ~(size_t)3;
}

static size_t entry_put(uint8_t *block, size_t at, const ext4_dirent *entry, size_t length) {
    struct ext2_dir_entry_2 head = {.inode = entry->inode,
                                    .rec_len = (uint16_t)length,
                                    .name_len = entry->length,
                                    .file_type = entry_type(entry->mode)};
    memcpy(block + at, &head, 8);
    memcpy(block + at + 8, entry->name, entry->length);
    return at + length;
}

/// "." and ".."; the second one is `length` bytes long.
static size_t dots_put(const directory_source *self, uint8_t *block, size_t length) {
    ext4_dirent dot = {.name = ".", .length = 1, .mode = S_IFDIR, .inode = self->inode};
    ext4_dirent dots = {.name = "..", .length = 2, .mode = S_IFDIR, .inode = self->parent};
    return entry_put(block, entry_put(block, 0, &dot, 12), &dots, length);
}

/// Entries first to last (of the keys where there are any) behind `at`; the last one reaches to the block's
/// end.
static void entries_put(const directory_source *self, uint8_t *block, size_t at, size_t first, size_t last) {
    for (size_t i = first; i < last; i++) {
        ext4_dirent entry = self->entry(self->data, self->keys ? self->keys[i].index : i);
        size_t length = i + 1 == last ? EXT4_BLOCK_SIZE - at : entry_length(entry.length);
        at = entry_put(block, at, &entry, length);
    }
}

static int block_write(directory_source *self, uint64_t logical, const uint8_t *block, holm_error **error) {
    return ext4_file_write(self->image, logical * EXT4_BLOCK_SIZE, block, EXT4_BLOCK_SIZE, error);
}

static int directory_write_linear(directory_source *self, holm_error **error) {
    uint8_t block[EXT4_BLOCK_SIZE] = {0};
    size_t at = dots_put(self, block, self->count ? 12 : EXT4_BLOCK_SIZE - 12);
    entries_put(self, block, at, 0, self->count);
    return block_write(self, 0, block, error);
}

// ---- the hash tree ----

static int key_compare(const void *left, const void *right) {
    const directory_key *a = left, *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->minor != b->minor)
        return a->minor < b->minor ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static int keys_make(directory_source *self, const uint32_t seed[4], holm_error **error) {
    self->keys = calloc(self->count, sizeof *self->keys);
    if (!self->keys) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for a folder of %zu entries", self->count);
        return -1;
    }
    for (size_t i = 0; i < self->count; i++) {
        ext4_dirent entry = self->entry(self->data, i);
        directory_key *key = &self->keys[i];
        key->index = (uint32_t)i;
        ext2fs_dirhash(EXT2_HASH_HALF_MD4_UNSIGNED, entry.name, entry.length, seed, &key->hash, &key->minor);
    }
    qsort(self->keys, self->count, sizeof *self->keys, key_compare);
    return 0;
}

/// Deals the sorted keys out to leaves.
static int leaves_deal(directory_source *self, holm_error **error) {
    size_t used = EXT4_BLOCK_SIZE;
    for (size_t i = 0; i < self->count; i++) {
        size_t length = entry_length(self->entry(self->data, self->keys[i].index).length);
        if (used + length > EXT4_BLOCK_SIZE) {
            if (self->leaf_count >= (size_t)ROOT_ENTRIES * NODE_ENTRIES) {
                holm_error_set(error, HOLM_ERROR_LIMIT, "a folder has too many entries for ext4");
                return -1;
            }
            if (ext4_array_grow(&self->leaves, &self->leaf_capacity, self->leaf_count, sizeof *self->leaves,
                                error) < 0)
                return -1;
            // The lowest bit says that names of this hash began in the leaf before.
            bool goes_on = i && self->keys[i - 1].hash == self->keys[i].hash;
            self->leaves[self->leaf_count++] = (directory_leaf){.hash = self->keys[i].hash | goes_on};
            used = 0;
        }
        used += length;
        self->leaves[self->leaf_count - 1].end = (uint32_t)(i + 1);
    }
    return 0;
}

/// An index: limit and count stand where the first entry, which needs no hash, would have its own.
static void index_put(uint8_t *place, uint16_t limit, size_t count, const directory_leaf *leaves, size_t step,
                      uint32_t first_block) {
    struct ext2_dx_entry *entries = (struct ext2_dx_entry *)place;
    for (size_t i = 0; i < count; i++)
        entries[i] =
            (struct ext2_dx_entry){.hash = leaves[i * step].hash, .block = first_block + (uint32_t)i};
    struct ext2_dx_countlimit head = {.limit = limit, .count = (uint16_t)count};
    memcpy(place, &head, sizeof head);
}

static int tree_write_index(directory_source *self, size_t nodes, holm_error **error) {
    uint8_t block[EXT4_BLOCK_SIZE] = {0};
    dots_put(self, block, EXT4_BLOCK_SIZE - 12);
    struct ext2_dx_root_info info = {
        .hash_version = EXT2_HASH_HALF_MD4, .info_length = sizeof info, .indirect_levels = nodes > 0};
    memcpy(block + 24, &info, sizeof info);
    index_put(block + 32, ROOT_ENTRIES, nodes ? nodes : self->leaf_count, self->leaves,
              nodes ? NODE_ENTRIES : 1, 1);
    if (block_write(self, 0, block, error) < 0)
        return -1;
    for (size_t node = 0; node < nodes; node++) {
        size_t first = node * NODE_ENTRIES;
        size_t rest = self->leaf_count - first;
        memset(block, 0, sizeof block);
        struct ext2_dir_entry_2 empty = {.rec_len = EXT4_BLOCK_SIZE};
        memcpy(block, &empty, 8);
        index_put(block + 8, NODE_ENTRIES, rest < NODE_ENTRIES ? rest : NODE_ENTRIES, self->leaves + first, 1,
                  (uint32_t)(1 + nodes + first));
        if (block_write(self, 1 + node, block, error) < 0)
            return -1;
    }
    return 0;
}

static int directory_write_tree(directory_source *self, const uint32_t seed[4], holm_error **error) {
    if (keys_make(self, seed, error) < 0 || leaves_deal(self, error) < 0)
        return -1;
    size_t nodes = self->leaf_count > ROOT_ENTRIES ? (self->leaf_count + NODE_ENTRIES - 1) / NODE_ENTRIES : 0;
    if (tree_write_index(self, nodes, error) < 0)
        return -1;
    for (size_t leaf = 0; leaf < self->leaf_count; leaf++) {
        uint8_t block[EXT4_BLOCK_SIZE] = {0};
        entries_put(self, block, 0, leaf ? self->leaves[leaf - 1].end : 0, self->leaves[leaf].end);
        if (block_write(self, 1 + nodes + leaf, block, error) < 0)
            return -1;
    }
    return 0;
}

// ---- the inode ----

/// Whether all entries fit one block; counts folders among them.
static bool directory_measure(const directory_source *self, size_t *folders) {
    size_t length = 24;
    *folders = 0;
    for (size_t i = 0; i < self->count; i++) {
        ext4_dirent entry = self->entry(self->data, i);
        *folders += S_ISDIR(entry.mode);
        length += entry_length(entry.length);
    }
    return length <= EXT4_BLOCK_SIZE;
}

/// The attributes are in the inode already; what it lacks are its blocks, size and links.
static int directory_place(directory_source *self, size_t folders, bool opaque, bool tree,
                           holm_error **error) {
    char name[] = "overlay.opaque", yes[] = "y";
    const ext4_xattr hides = {.index = 4, .name = name, .value = yes, .length = 1};
    ext4_image *image = self->image;
    ext4_inode_body body;
    uint64_t size = image->file_end;
    if (ext4_inode_read(image, self->inode, &body, error) < 0 || ext4_file_place(image, &body, error) < 0)
        return -1;
    if (opaque && !ext4_xattr_put_inline(&body, &hides, 0)) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "no room for the mark of an opaque folder");
        return -1;
    }
    body.large.i_size = (uint32_t)size;
    body.large.i_size_high = (uint32_t)(size >> 32);
    body.large.i_blocks += (image->next_block - image->file_first) * (EXT4_BLOCK_SIZE / 512);
    body.large.i_flags |= tree ? EXT2_INDEX_FL : 0;
    // Above the most links a folder has one, which says that nobody counts (dir_nlink).
    body.large.i_links_count = (uint16_t)(folders + 2 < EXT4_LINKS_MOST ? folders + 2 : 1);
    return ext4_inode_put(image, self->inode, &body, error);
}

int ext4_directory_store(ext4_image *self, uint32_t inode, uint32_t parent, size_t count,
                         ext4_dirent (*entry)(void *data, size_t index), void *data, bool opaque,
                         const uint8_t identity[32], holm_error **error) {
    cleanup(directory_source_finish) directory_source source = {
        .image = self, .entry = entry, .data = data, .count = count, .inode = inode, .parent = parent};
    uint32_t seed[4];
    memcpy(seed, identity + 16, sizeof seed);
    size_t folders;
    bool tree = !directory_measure(&source, &folders);
    ext4_file_begin(self);
    int result = tree ? directory_write_tree(&source, seed, error) : directory_write_linear(&source, error);
    if (result < 0)
        return -1;
    return directory_place(&source, folders, opaque, tree, error);
}
