// All read-only layers as one disk: a GPT (UEFI 2.10, section 5.3) whose partitions 1 … n are the layer
// files, lined up by a VMDK descriptor (createType "twoGbMaxExtentFlat"), which QEMU reads. Nothing is
// copied: what is not a layer is one small "table" file with the protective MBR, both GPT headers and zeros
// between.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/error.h"

#define LAYERS_DISK_MOST 128 // the entries of an ordinary GPT

typedef struct layers_disk_layer {
    const char *name; ///< as QEMU is to open it; no quotes, no control characters
    uint64_t bytes;   ///< a last sector that is not whole counts as one
} layers_disk_layer;

/// The size of the whole disk, most of it empty.
uint64_t layers_disk_bytes(const layers_disk_layer *layers, size_t count);
/// The same of files. 0: one is not there.
uint64_t layers_disk_measure(const char *const *files, size_t count, holm_error **error);
/// Makes the contents of the two files; the table's has to be as long as the disk, with a hole at its end.
/// `table_name` is the table's name for QEMU.
int layers_disk_make(const layers_disk_layer *layers, size_t count, const char *table_name, buffer *table,
                     buffer *descriptor, holm_error **error);
