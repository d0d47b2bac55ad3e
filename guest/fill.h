// A new volume gets what the image has at its place, once.
//
// How far that is stands in the volume itself, as an attribute of its root that only root of the machine can
// set: "filling" from before the first file until all of them are on the disk, then "filled". So a machine
// that ends midway leaves a volume that says so, and the next one empties it and begins anew; and a volume
// that has been emptied on purpose stays empty.
#pragma once

#include "core/base/error.h"

#define FILL_MARK    "trusted.holm.fill"
#define FILL_BEGUN   "filling"
#define FILL_DONE    "filled"
#define FILL_DEEPEST 200 ///< folders in each other; each takes two descriptors

/// Fills the volume whose root is `to` from the folder `from` (-1: the image has none there) where it is new:
/// all that is in it, with owners, modes, attributes, times, holes and hard links, and the folder's own
/// owner, mode and attributes. What is mounted in `from` must not be reachable through it. A volume that has
/// something in it stays as it is.
int fill_volume(int from, int to, holm_error **error);
/// STATE where the volume was left half filled: for one that cannot be written.
int fill_check(int to, holm_error **error);
