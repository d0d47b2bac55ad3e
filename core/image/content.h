// All that a manifest or an index stands for, as far as it is in the store, in an order in which it can be
// sent: what is named comes before what names it.
#pragma once

#include <jansson.h>

#include "core/image/manifest.h"
#include "core/store/blob.h"

#define CONTENT_MAX 16384 ///< parts

typedef struct content_part {
    char digest[DIGEST_SIZE];
    uint64_t size;
    char *media_type;
    bool document; ///< an index or a manifest, which registries keep apart from blobs
} content_part;

typedef struct content {
    content_part *parts; ///< the last one is the whole
    size_t count;
    json_t *seen;  ///< digests of them
    bool complete; ///< nothing that an index of it names is missing here
    bool index;    ///< the whole is an index
} content;

/// Gathers what `digest` stands for. An index's manifests that are not whole here are left out, and
/// `complete` tells. Of a single manifest all parts are named, here or not. Blocks for the disk.
int content_gather(const blob_store *blobs, const char *digest, content *out, holm_error **error);
void content_finish(content *self);
#define cleanup_content cleanup(content_finish)

/// The index without what is not here; `out` gets its bytes. NOT_FOUND when nothing of it is.
int content_reduce_index(const blob_store *blobs, const content *self, buffer *out, holm_error **error);
