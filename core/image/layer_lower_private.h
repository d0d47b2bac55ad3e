// Between the files that read layers one above the other.
#pragma once

#include <ext2fs/ext2fs.h>

#include "core/image/layer_lower.h"

enum { LAYERS_MOST = 1024 };

struct layer_lower {
    ext2_filsys *layers;
    ext2_ino_t *roots; ///< where the tree of each layer begins
    size_t count;
};

int layer_lower_fail(holm_error **error, errcode_t code, const char *step);

/// As layer_lower_find, and sets folders[i] to what it is in layer i as a folder (0: hidden, not there or no
/// folder).
int layer_lower_enter(layer_lower *self, const char *const *names, size_t count, ext2_ino_t *folders,
                      layer_lower_file *file, holm_error **error);
bool layer_lower_xattr_is_yes(ext2_filsys fs, ext2_ino_t inode, const char *name);

static inline bool layer_lower_is_whiteout(const struct ext2_inode *inode) {
    return LINUX_S_ISCHR(inode->i_mode) && !inode->i_block[0] && !inode->i_block[1];
}
