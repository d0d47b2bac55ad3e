// The 512 bytes in front of every entry.
#pragma once

#include "core/base/tar.h"

typedef struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6],
        version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
} tar_header;

_Static_assert(sizeof(tar_header) == TAR_BLOCK, "a header is one block");

/// The sum of all bytes, with the field of the sum itself as spaces.
static inline unsigned tar_header_sum(const tar_header *header) {
    const uint8_t *bytes = (const uint8_t *)header;
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof *header; i++)
        sum += i >= offsetof(tar_header, checksum) && i < offsetof(tar_header, type) ? ' ' : bytes[i];
    return sum;
}
