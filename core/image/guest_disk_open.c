#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/image/guest_disk_private.h"

// What disk_make gives a writable layer, and what the kernel adds to it by itself. A guest can set more by
// writing to its disk; code for that is code that we do not want to run.
#define COMPAT_KNOWN                                                                                  \
    (EXT3_FEATURE_COMPAT_HAS_JOURNAL | EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX | \
     EXT4_FEATURE_COMPAT_SPARSE_SUPER2 | EXT2_FEATURE_COMPAT_RESIZE_INODE)
#define INCOMPAT_KNOWN \
    (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_FLEX_BG)
#define RO_COMPAT_KNOWN                                                        \
    (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | \
     EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |     \
     EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM)
#define INODES_MOST (1u << 27)

static int check_features(const struct ext2_super_block *super, holm_error **error) {
    if (super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER) {
        holm_error_set(error, HOLM_ERROR_STATE, "the disk was not unmounted cleanly");
        holm_error_hint(error, "start a container that has it and stop it again: that repairs the disk");
        return -1;
    }
    if (super->s_feature_compat & ~(unsigned)COMPAT_KNOWN ||
        super->s_feature_incompat & ~(unsigned)INCOMPAT_KNOWN ||
        super->s_feature_ro_compat & ~(unsigned)RO_COMPAT_KNOWN || super->s_log_block_size != 2 ||
        super->s_inodes_count > INODES_MOST) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the disk is not as holm made it");
        return -1;
    }
    return 0;
}

/// The folder "upper", or the root where the machine has never come so far as to make it.
static int find_upper(ext2_filsys fs, ext2_ino_t *root, holm_error **error) {
    struct ext2_inode body;
    errcode_t code = ext2fs_lookup(fs, EXT2_ROOT_INO, "upper", 5, NULL, root);
    if (code == EXT2_ET_FILE_NOT_FOUND) {
        *root = 0;
        return 0;
    }
    if (code || (code = ext2fs_read_inode(fs, *root, &body)))
        return layer_lower_fail(error, code, "find the writable layer");
    if (LINUX_S_ISDIR(body.i_mode))
        return 0;
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "the container's disk has no writable layer");
    return -1;
}

/// libext2fs closes what it has opened, so it gets a descriptor of its own.
static errcode_t open_disk(int fd, int flags, ext2_filsys *out) {
    char name[16];
    cleanup_close int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (own < 0)
        return errno;
    snprintf(name, sizeof name, "%d", own);
    errcode_t code = ext2fs_open(name, EXT2_FLAG_64BITS | flags, 0, 0, unixfd_io_manager, out);
    if (!code)
        own = -1;
    return code;
}

int guest_disk_add(layer_lower *below, int fd, bool volume, holm_error **error) {
    ext2_filsys fs = NULL;
    if (below->count >= LAYERS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "more than %d layers", LAYERS_MOST);
        return -1;
    }
    // Only the superblock is looked at before the features are known to be ours.
    errcode_t code = open_disk(fd, EXT2_FLAG_SUPER_ONLY, &fs);
    if (code)
        return layer_lower_fail(error, code, "open the container's disk");
    int result = check_features(fs->super, error);
    ext2fs_free(fs);
    if (result < 0)
        return -1;
    code = open_disk(fd, 0, &fs);
    if (code)
        return layer_lower_fail(error, code, "open the container's disk");
    ext2_ino_t root = EXT2_ROOT_INO;
    if (!volume && find_upper(fs, &root, error) < 0) {
        ext2fs_free(fs);
        return -1;
    }
    below->layers[below->count] = fs; // there is room for one more
    below->roots[below->count++] = root;
    return 0;
}
