// A tar into a disk that was just made (disk_make): how volumes are brought in. The tar may be meant to break
// us: only the program holm-disk reads it, which holds nothing but it and the disk.
#pragma once

#include "core/base/error.h"

/// Puts what is in the tar behind `input` into the empty ext4 behind `disk`, with owners, modes, times,
/// attributes, holes, hard links and devices. Names never leave the root, links are not followed; of two
/// entries of one name the later wins. The disk then counts as used. INTEGRITY for what is no such tar,
/// LIMIT, NO_SPACE. After a failure the disk is worth nothing.
int disk_import(int disk, int input, holm_error **error);
