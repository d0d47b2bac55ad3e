// An empty qcow2 image (docs/interop/qcow2.txt of QEMU, version 3): what a guest writes goes into it, what it
// reads and has not written comes from the disk beneath, which QEMU is told beside.
#pragma once

#include <stdint.h>

#include "core/base/error.h"

/// Makes the empty file `fd` such an image of a disk of that size.
int overlay_disk_make(int fd, uint64_t bytes, holm_error **error);
