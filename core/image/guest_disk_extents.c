#include <stdlib.h>

#include "core/image/guest_disk_private.h"

typedef struct gathering {
    ext2_filsys fs;
    guest_disk_extent *items;
    size_t count, capacity;
    uint64_t blocks; ///< so far: a sound file has no more than its disk
    holm_error **error;
    bool failed;
} gathering;

static int gather_fail(gathering *self, const char *what) {
    holm_error_set(self->error, HOLM_ERROR_INTEGRITY, "a file of the disk is damaged: %s", what);
    self->failed = true;
    return -1;
}

static int gather(gathering *self, uint64_t logical, uint64_t physical, uint64_t blocks) {
    uint64_t all = ext2fs_blocks_count(self->fs->super);
    guest_disk_extent *last = self->count ? &self->items[self->count - 1] : NULL;
    if (!blocks || physical >= all || blocks > all - physical || (self->blocks += blocks) > all)
        return gather_fail(self, "it has blocks that the disk has not");
    if (last && logical < last->logical + last->blocks)
        return gather_fail(self, "its blocks go backwards");
    if (last && logical == last->logical + last->blocks && physical == last->physical + last->blocks) {
        last->blocks += blocks;
        return 0;
    }
    if (self->count >= GUEST_DISK_EXTENTS_MOST)
        return gather_fail(self, "it is in too many pieces");
    if (self->count == self->capacity) {
        size_t capacity = self->capacity ? self->capacity * 2 : 16;
        guest_disk_extent *items = reallocarray(self->items, capacity, sizeof *items);
        if (!items)
            return gather_fail(self, "no memory");
        self->items = items;
        self->capacity = capacity;
    }
    self->items[self->count++] = (guest_disk_extent){logical, physical, blocks};
    return 0;
}

/// Extents that are not written yet read as zeros: they are holes.
static errcode_t walk_extents(gathering *self, ext2_ino_t inode) {
    ext2_extent_handle_t handle;
    struct ext2fs_extent extent;
    errcode_t code = ext2fs_extent_open(self->fs, inode, &handle);
    if (code)
        return code;
    uint64_t steps = 0;
    code = ext2fs_extent_get(handle, EXT2_EXTENT_ROOT, &extent);
    while (!code && !self->failed) {
        bool leaf = extent.e_flags & EXT2_EXTENT_FLAGS_LEAF,
             uninit = extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT;
        bool second = extent.e_flags & EXT2_EXTENT_FLAGS_SECOND_VISIT;
        if (leaf && !second && !uninit)
            gather(self, extent.e_lblk, extent.e_pblk, extent.e_len);
        if (++steps > 4ull * GUEST_DISK_EXTENTS_MOST)
            gather_fail(self, "it is in too many pieces");
        code = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT, &extent);
    }
    ext2fs_extent_free(handle);
    return code == EXT2_ET_EXTENT_NO_NEXT ? 0 : code;
}

static int map_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t logical, blk64_t reference, int offset,
                     void *data) {
    gathering *self = data;
    (void)fs, (void)reference, (void)offset;
    return logical >= 0 && gather(self, (uint64_t)logical, *block, 1) < 0 ? BLOCK_ABORT : 0;
}

guest_disk_extent *guest_disk_extents(ext2_filsys fs, ext2_ino_t inode, size_t *count, holm_error **error) {
    gathering self = {.fs = fs, .error = error, .items = calloc(1, sizeof *self.items), .capacity = 1};
    struct ext2_inode body;
    errcode_t code = ext2fs_read_inode(fs, inode, &body);
    if (!code && !ext2fs_inode_has_valid_blocks2(fs, &body))
        code = EXT2_ET_INODE_CORRUPTED;
    if (!code && body.i_flags & EXT4_EXTENTS_FL)
        code = walk_extents(&self, inode);
    else if (!code)
        code = ext2fs_block_iterate3(fs, inode, BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY, NULL, map_block,
                                     &self);
    if (code && !self.failed)
        layer_lower_fail(error, code, "read a file");
    if (code || self.failed) {
        free(self.items);
        return NULL;
    }
    *count = self.count;
    return self.items;
}
