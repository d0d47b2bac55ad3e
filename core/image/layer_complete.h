// Fills in what a layer leaves to the layers below it.
#pragma once

#include "core/image/layer_tree.h"

/// Takes the attributes of folders that came without an entry, and the files that hard links name, from the
/// images of the lower layers, the lowest first; where the root is opaque, whites out what they have there.
int layer_tree_complete(layer_tree *self, const char *const *lower, size_t count, holm_error **error);
