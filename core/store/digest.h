// Content digests: "sha256:" and 64 lower-case hex digits, the one algorithm every registry has.
//
// Follows the OCI image specification 1.1, descriptor.md "Digests".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/base/cleanup.h"

#define DIGEST_PREFIX      "sha256:"
#define DIGEST_PREFIX_SIZE (sizeof DIGEST_PREFIX - 1)
#define DIGEST_HEX_SIZE    64
#define DIGEST_SIZE        (DIGEST_PREFIX_SIZE + DIGEST_HEX_SIZE + 1) ///< with the NUL

/// Whether `hex` begins with exactly 64 lower-case hex digits followed by NUL.
static inline bool digest_hex_is_valid(const char *hex) {
    return strspn(hex, "0123456789abcdef") == DIGEST_HEX_SIZE && hex[DIGEST_HEX_SIZE] == 0;
}

static inline bool digest_is_valid(const char *text) {
    return strncmp(text, DIGEST_PREFIX, DIGEST_PREFIX_SIZE) == 0 &&
           digest_hex_is_valid(text + DIGEST_PREFIX_SIZE);
}

/// The hex digits of a valid digest.
static inline const char *digest_hex(const char *digest) {
    return digest + DIGEST_PREFIX_SIZE;
}

typedef struct digest_stream digest_stream;

/// A digest computed over bytes as they come. Never NULL.
digest_stream *digest_stream_create(void);
void digest_stream_add(digest_stream *self, const void *data, size_t length);
/// The digest of what was added, as text. The stream can only be destroyed afterwards.
void digest_stream_text(digest_stream *self, char out[DIGEST_SIZE]);
void digest_stream_destroy(digest_stream *self);
CLEANUP_DEFINE(digest_stream, digest_stream_cleanup, digest_stream_destroy)
#define cleanup_digest_stream cleanup(digest_stream_cleanup)

/// The digest of bytes that are all there.
void digest_of(const void *data, size_t length, char out[DIGEST_SIZE]);
