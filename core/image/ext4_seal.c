// The end of an image: superblock, group descriptors and bitmaps, by libext2fs, around the blocks and tables
// that have their places already.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/image/ext4_private.h"

static void seal_release(ext2_filsys *fs) {
    if (*fs)
        ext2fs_free(*fs);
}

static int seal_fail(holm_error **error, errcode_t code, const char *step) {
    if (code > 0 && code < 256)
        holm_error_set_errno(error, (int)code, "finish the layer image: %s", step);
    else
        holm_error_set(error, HOLM_ERROR_INTERNAL, "finish the layer image: %s: %s", step,
                       error_message(code));
    return -1;
}

/// Takes the tables of groups that have none yet (all holes) and the bitmaps, and so finds how many groups
/// there are. *bitmaps is the first of their blocks.
static int seal_groups(ext4_image *self, uint32_t *groups, uint32_t *bitmaps, holm_error **error) {
    uint32_t count = self->table_count ? (uint32_t)self->table_count : 1;
    while (count < EXT4_GROUPS_MOST &&
           self->next_block + (count - self->table_count) * EXT4_TABLE_BLOCKS + 2 * count >
               (uint64_t)count * EXT4_BLOCKS_PER_GROUP)
        count++;
    while (self->table_count < count) {
        if (ext4_array_grow(&self->tables, &self->table_capacity, self->table_count, sizeof *self->tables,
                            error) < 0)
            return -1;
        uint32_t block = ext4_blocks_take(self, EXT4_TABLE_BLOCKS, error);
        if (!block)
            return -1;
        self->tables[self->table_count++] = block;
    }
    *groups = count;
    *bitmaps = ext4_blocks_take(self, 2 * count, error);
    return *bitmaps ? 0 : -1;
}

static void seal_describe(struct ext2_super_block *super, uint32_t groups) {
    super->s_rev_level = EXT2_DYNAMIC_REV;
    super->s_log_block_size = 2;
    super->s_inode_size = EXT4_INODE_SIZE;
    super->s_min_extra_isize = super->s_want_extra_isize =
        sizeof(struct ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
    super->s_errors = EXT2_ERRORS_CONTINUE;
    super->s_inodes_count = groups * EXT4_INODES_PER_GROUP;
    super->s_feature_compat =
        EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX | EXT4_FEATURE_COMPAT_SPARSE_SUPER2;
    super->s_feature_incompat =
        EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_FLEX_BG;
    super->s_feature_ro_compat = EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE |
                                 EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE;
    ext2fs_blocks_count_set(super, (blk64_t)groups * EXT4_BLOCKS_PER_GROUP);
}

static void seal_identify(ext2_filsys fs, const uint8_t identity[32]) {
    memcpy(fs->super->s_uuid, identity, 16);
    memcpy(fs->super->s_hash_seed, identity + 16, 16);
    fs->super->s_def_hash_version = EXT2_HASH_HALF_MD4;
    fs->super->s_flags |= EXT2_FLAGS_UNSIGNED_HASH;
    fs->super->s_state |= EXT2_VALID_FS;
    fs->super->s_max_mnt_count = -1;
    fs->super->s_checkinterval = 0;
    fs->super->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
}

/// Marks blocks and inodes in the bitmaps: everything given out, but what was given back.
static void seal_mark(const ext4_image *self, ext2_filsys fs) {
    blk64_t first = 1 + EXT4_DESCRIPTOR_BLOCKS;
    ext2fs_mark_block_bitmap_range2(fs->block_map, first, (unsigned)(self->next_block - first));
    for (size_t i = 0; i < self->freed_count; i++)
        ext2fs_unmark_block_bitmap_range2(fs->block_map, self->freed[i].first, self->freed[i].count);
    for (uint32_t inode = 1; inode < self->next_inode; inode++)
        ext2fs_mark_inode_bitmap2(fs->inode_map, inode);
    for (size_t i = 0; i < self->unused_count; i++)
        ext2fs_unmark_inode_bitmap2(fs->inode_map, self->unused_inodes[i]);
    ext2fs_mark_bb_dirty(fs);
    ext2fs_mark_ib_dirty(fs);
}

static uint32_t count_zeros(const uint8_t *bits, size_t bytes) {
    uint32_t zeros = 0;
    for (size_t i = 0; i < bytes; i++)
        zeros += 8 - (uint32_t)__builtin_popcount(bits[i]);
    return zeros;
}

/// Says where the parts of one group are and what is free in it.
static void seal_group(const ext4_image *self, ext2_filsys fs, dgrp_t group, uint32_t bitmaps) {
    uint8_t bits[EXT4_BLOCKS_PER_GROUP / 8];
    ext2fs_get_block_bitmap_range2(fs->block_map, ext2fs_group_first_block2(fs, group), EXT4_BLOCKS_PER_GROUP,
                                   bits);
    uint32_t blocks_free = count_zeros(bits, EXT4_BLOCKS_PER_GROUP / 8);
    uint32_t before = group * EXT4_INODES_PER_GROUP, folders = 0;
    ext2fs_get_inode_bitmap_range2(fs->inode_map, before + 1, EXT4_INODES_PER_GROUP, bits);
    uint32_t inodes_free = count_zeros(bits, EXT4_INODES_PER_GROUP / 8);
    for (uint32_t inode = before + 1; inode <= before + EXT4_INODES_PER_GROUP && inode < self->next_inode;
         inode++)
        folders += self->records[inode].directory;
    ext2fs_block_bitmap_loc_set(fs, group, bitmaps + 2 * group);
    ext2fs_inode_bitmap_loc_set(fs, group, bitmaps + 2 * group + 1);
    ext2fs_inode_table_loc_set(fs, group, self->tables[group]);
    ext2fs_bg_free_blocks_count_set(fs, group, blocks_free);
    ext2fs_bg_free_inodes_count_set(fs, group, inodes_free);
    ext2fs_bg_used_dirs_count_set(fs, group, folders);
    ext2fs_free_blocks_count_add(fs->super, blocks_free);
    fs->super->s_free_inodes_count += inodes_free;
}

static void seal_count(const ext4_image *self, ext2_filsys fs, uint32_t bitmaps) {
    ext2fs_free_blocks_count_set(fs->super, 0);
    fs->super->s_free_inodes_count = 0;
    for (dgrp_t group = 0; group < fs->group_desc_count; group++)
        seal_group(self, fs, group, bitmaps);
    ext2fs_mark_super_dirty(fs);
}

static int seal_write(ext4_image *self, uint32_t groups, uint32_t bitmaps, const uint8_t identity[32],
                      holm_error **error) {
    // By descriptor, so that confinement and renames are of no concern.
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", self->fd);
    struct ext2_super_block super = {0};
    seal_describe(&super, groups);
    cleanup(seal_release) ext2_filsys fs = NULL;
    errcode_t code = ext2fs_initialize(path, EXT2_FLAG_64BITS, &super, unix_io_manager, &fs);
    if (code)
        return seal_fail(error, code, "lay it out");
    if (fs->group_desc_count != groups || fs->super->s_inodes_per_group != EXT4_INODES_PER_GROUP ||
        fs->desc_blocks > EXT4_DESCRIPTOR_BLOCKS) {
        holm_error_set(error, HOLM_ERROR_INTERNAL,
                       "finish the layer image: its layout is not the one planned");
        return -1;
    }
    seal_identify(fs, identity);
    seal_mark(self, fs);
    seal_count(self, fs, bitmaps);
    code = ext2fs_close_free(&fs);
    return code ? seal_fail(error, code, "write the descriptors") : 0;
}

int ext4_image_seal(ext4_image *self, const uint8_t identity[32], holm_error **error) {
    uint32_t groups, bitmaps;
    if (seal_groups(self, &groups, &bitmaps, error) < 0 || ext4_stream_flush(self, error) < 0 ||
        ext4_table_flush(self, error) < 0)
        return -1;
    if (ftruncate(self->fd, (off_t)groups * EXT4_BLOCKS_PER_GROUP * EXT4_BLOCK_SIZE) < 0) {
        holm_error_set_errno(error, errno, "finish the layer image");
        return -1;
    }
    if (seal_write(self, groups, bitmaps, identity, error) < 0)
        return -1;
    if (fdatasync(self->fd) < 0) {
        holm_error_set_errno(error, errno, "sync the layer image");
        return -1;
    }
    return 0;
}
