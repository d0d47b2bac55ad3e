// A hash for names of folders and places in tables: fast, the same everywhere, no protection from those who
// choose the bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_INIT UINT32_C(2166136261)

/// FNV-1a of 32 bits (RFC 9923), going on from `hash`, which is HASH_INIT at first.
static inline uint32_t hash_add(uint32_t hash, const void *bytes, size_t length) {
    for (const uint8_t *at = bytes, *end = at + length; at < end; at++)
        hash = (hash ^ *at) * UINT32_C(16777619);
    return hash;
}
