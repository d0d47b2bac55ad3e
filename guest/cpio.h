// Writing "newc" cpio archives, the form of an initramfs.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"

typedef struct cpio_entry {
    const char *name; ///< without a slash in front
    uint32_t mode;    ///< type and permissions
    const void *data; ///< of a regular file
    size_t length;
    uint32_t major, minor; ///< of a device
} cpio_entry;

/// Appends one entry, owned by root, of time 0, so that the same input gives the same archive.
void cpio_add(buffer *archive, const cpio_entry *entry);
/// Appends the end mark.
void cpio_end(buffer *archive);
