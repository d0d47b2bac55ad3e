// Reads a tar stream (POSIX pax, ustar, GNU, v7; by libarchive) into the tree of a layer.
#pragma once

#include "core/image/layer_tree.h"

/// Answers the next piece of the stream, valid until the next call; 0 at its end, -1 when there is no more to
/// get.
typedef ssize_t (*layer_tar_read)(void *data, const void **bytes);

/// Counts entries and dropped ones into the result. The stream may go on behind the end of the archive.
int layer_tar_apply(layer_tree *tree, ext4_image *image, const layer_limits *limits, layer_tar_read read,
                    void *read_data, layer_result *result, holm_error **error);
