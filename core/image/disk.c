#include "core/image/disk.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

enum {
    BLOCK_SIZE = 4096,
    INODE_SIZE = 256,
    BYTES_PER_INODE = 32768,
    LOG_GROUPS_PER_FLEX = 8,
    JOURNAL_BLOCKS = 4096, // 16 MiB: what small transactions need; the 1 GiB of mke2fs would only age
    JOURNAL_BLOCKS_LEAST = 1024,
};

#define DISK_LEAST    (UINT64_C(16) << 20)
#define DISK_MOST     (UINT64_C(15) << 40)
#define JOURNAL_LEAST (UINT64_C(4) << 20)
#define JOURNAL_MOST  (UINT64_C(1) << 30)

static void cleanup_filesystem(ext2_filsys *fs) {
    if (*fs)
        ext2fs_free(*fs);
}

static int disk_fail(holm_error **error, const char *path, errcode_t code, const char *step) {
    // The library answers errno values as they are and its own codes in com_err's tables.
    if (code > 0 && code < 256)
        holm_error_set_errno(error, (int)code, "make the disk %s: %s", path, step);
    else
        holm_error_set(error, HOLM_ERROR_INTERNAL, "make the disk %s: %s: %s", path, step,
                       error_message(code));
    return -1;
}

static void disk_describe(struct ext2_super_block *super, uint64_t size) {
    uint64_t blocks = size / BLOCK_SIZE;
    uint64_t inodes = size / BYTES_PER_INODE;
    super->s_rev_level = EXT2_DYNAMIC_REV;
    super->s_log_block_size = 2;
    super->s_inode_size = INODE_SIZE;
    super->s_min_extra_isize = super->s_want_extra_isize =
        sizeof(struct ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
    super->s_log_groups_per_flex = LOG_GROUPS_PER_FLEX;
    super->s_errors = EXT2_ERRORS_CONTINUE;
    super->s_inodes_count = (uint32_t)(inodes > UINT32_MAX / 2 ? UINT32_MAX / 2 : inodes);
    super->s_feature_compat = EXT3_FEATURE_COMPAT_HAS_JOURNAL | EXT2_FEATURE_COMPAT_EXT_ATTR |
                              EXT2_FEATURE_COMPAT_DIR_INDEX | EXT4_FEATURE_COMPAT_SPARSE_SUPER2;
    super->s_feature_incompat =
        EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_FLEX_BG;
    // Group checksums are what lets the kernel leave inode tables and bitmaps untouched until they are
    // needed.
    super->s_feature_ro_compat = EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE |
                                 EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
                                 EXT4_FEATURE_RO_COMPAT_GDT_CSUM;
    ext2fs_blocks_count_set(super, blocks);
}

// What is mounted later goes by the word in the superblock (s_default_mount_opts).
static const struct {
    const char *name;
    uint32_t bits;
} journal_modes[] = {{"ordered", 0}, {"writeback", EXT3_DEFM_JMODE_WBACK}, {"journal", EXT3_DEFM_JMODE_DATA}};

int disk_journal_check(const disk_journal *journal, holm_error **error) {
    for (size_t i = 0; i < array_length(journal_modes); i++)
        if (!journal->mode || strcmp(journal_modes[i].name, journal->mode) == 0)
            return 0;
    holm_error_set(error, HOLM_ERROR_INVALID, "there is no journal mode \"%.40s\"", journal->mode);
    holm_error_hint(error, "the modes are ordered, writeback and journal");
    return -1;
}

static void disk_set_mode(struct ext2_super_block *super, const char *mode) {
    for (size_t i = 0; mode && i < array_length(journal_modes); i++)
        if (strcmp(journal_modes[i].name, mode) == 0)
            super->s_default_mount_opts |= journal_modes[i].bits;
}

static int disk_identify(ext2_filsys fs, holm_error **error) {
    if (getrandom(fs->super->s_uuid, sizeof fs->super->s_uuid, 0) < 0 ||
        getrandom(fs->super->s_hash_seed, sizeof fs->super->s_hash_seed, 0) < 0) {
        holm_error_set_errno(error, errno, "get random bytes");
        return -1;
    }
    fs->super->s_uuid[6] = (uint8_t)((fs->super->s_uuid[6] & 0x0f) | 0x40); // RFC 4122: version 4
    fs->super->s_uuid[8] = (uint8_t)((fs->super->s_uuid[8] & 0x3f) | 0x80);
    fs->super->s_def_hash_version = EXT2_HASH_HALF_MD4;
    fs->super->s_flags |= EXT2_FLAGS_UNSIGNED_HASH;
    fs->super->s_max_mnt_count = -1;
    fs->super->s_checkinterval = 0;
    fs->super->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
    return 0;
}

/// The file is sparse, so the inode tables are zeros already: saying so keeps the kernel from writing them.
static void disk_mark_tables_zeroed(ext2_filsys fs) {
    for (dgrp_t group = 0; group < fs->group_desc_count; group++) {
        ext2fs_bg_flags_set(fs, group, EXT2_BG_INODE_ZEROED);
        ext2fs_group_desc_csum_set(fs, group);
    }
}

static int disk_fill(ext2_filsys fs, const char *path, uint64_t size, uint64_t journal_bytes,
                     holm_error **error) {
    errcode_t code = ext2fs_allocate_tables(fs);
    if (code)
        return disk_fail(error, path, code, "allocate the tables");
    for (ext2_ino_t inode = EXT2_BAD_INO; inode < EXT2_FIRST_INODE(fs->super); inode++)
        if (inode != EXT2_ROOT_INO)
            ext2fs_inode_alloc_stats2(fs, inode, +1, 0);
    code = ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL);
    if (code)
        return disk_fail(error, path, code, "make the root folder");
    disk_mark_tables_zeroed(fs);
    struct ext2fs_journal_params journal = {.num_journal_blocks =
                                                journal_bytes ? (blk_t)(journal_bytes / BLOCK_SIZE)
                                                : size >= (UINT64_C(256) << 20) ? JOURNAL_BLOCKS
                                                                                : JOURNAL_BLOCKS_LEAST};
    code = ext2fs_add_journal_inode3(fs, &journal, ~0ULL, EXT2_MKJOURNAL_LAZYINIT);
    if (code)
        return disk_fail(error, path, code, "make the journal");
    return 0;
}

static int disk_write(const char *path, uint64_t size, const disk_journal *journal, holm_error **error) {
    struct ext2_super_block super = {0};
    disk_describe(&super, size);
    cleanup(cleanup_filesystem) ext2_filsys fs = NULL;
    errcode_t code = ext2fs_initialize(path, EXT2_FLAG_64BITS, &super, unix_io_manager, &fs);
    if (code)
        return disk_fail(error, path, code, "lay it out");
    if (disk_identify(fs, error) < 0)
        return -1;
    disk_set_mode(fs->super, journal->mode);
    if (disk_fill(fs, path, size, journal->bytes, error) < 0)
        return -1;
    code = ext2fs_close_free(&fs);
    if (code)
        return disk_fail(error, path, code, "write it");
    return 0;
}

int disk_make(const char *path, uint64_t size, const disk_journal *journal, holm_error **error) {
    static const disk_journal usual = {0};
    if (!journal)
        journal = &usual;
    if (disk_journal_check(journal, error) < 0)
        return -1;
    if (size < DISK_LEAST || size > DISK_MOST) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a disk has 16 MiB to 15 TiB, not %llu bytes",
                       (unsigned long long)size);
        return -1;
    }
    if (journal->bytes &&
        (journal->bytes < JOURNAL_LEAST || journal->bytes > JOURNAL_MOST || journal->bytes > size / 2)) {
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "a journal has 4 MiB to 1 GiB and at most half of its disk, not %llu bytes",
                       (unsigned long long)journal->bytes);
        return -1;
    }
    cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        holm_error_set_errno(error, errno, "make the disk %s", path);
        return -1;
    }
    size -= size % BLOCK_SIZE;
    if (ftruncate(fd, (off_t)size) < 0) {
        holm_error_set_errno(error, errno, "make the disk %s", path);
        unlink(path);
        return -1;
    }
    if (disk_write(path, size, journal, error) < 0) {
        unlink(path);
        return -1;
    }
    if (fsync(fd) < 0) {
        holm_error_set_errno(error, errno, "sync the disk %s", path);
        unlink(path);
        return -1;
    }
    return 0;
}
