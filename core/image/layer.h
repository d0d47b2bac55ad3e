// A layer: the bytes of a blob, as they come from the network, become an ext4 image in one pass. The blob is
// digested, decompressed, its content digested, read as tar and written as ext4, each beside the others on
// threads of the writer; nothing is stored in between and nothing is read twice.
//
// The image is a tree for overlayfs (OCI image specification, layer.md): whiteouts are character devices 0:0,
// opaque folders carry trusted.overlay.opaque. It has no journal and is to be mounted read-only.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"

typedef struct layer_writer layer_writer;

typedef enum layer_compression {
    LAYER_COMPRESSION_AUTO, ///< by the first bytes
    LAYER_COMPRESSION_NONE,
    LAYER_COMPRESSION_GZIP,
    LAYER_COMPRESSION_ZSTD,
} layer_compression;

/// Bounds on what a hostile layer can make us do. Zero means the default.
typedef struct layer_limits {
    uint64_t bytes;      ///< of content, decompressed (default 256 GiB)
    uint64_t entries;    ///< in the tar (default 1,000,000)
    uint64_t name_bytes; ///< of all names together (default 64 MiB)
    uint32_t ratio;      ///< content to blob, once the content is above 1 GiB (default 250)
} layer_limits;

typedef struct layer_writer_options {
    /// The image to make, a temporary name: the caller renames it once all is well. Removed when it is not.
    const char *path;
    layer_compression compression;
    const char *blob_digest; ///< "sha256:…" that the blob must have, or NULL
    uint64_t blob_size;      ///< that the blob must have; 0: not known
    const char *diff_id;     ///< "sha256:…" that the content must have, or NULL
    layer_limits limits;
    /// Called on a thread of the writer when layer_writer_try_push has taken less than it was given and there
    /// is room again. May be NULL. Must not call the writer: wake your loop (uv_async_send).
    void (*room)(void *data);
    /// Called on a thread of the writer after the content has ended or the writer has failed:
    /// layer_writer_finish will then not block for long. May be NULL. Must not call the writer.
    void (*done)(void *data);
    void *data;
} layer_writer_options;

typedef struct layer_result {
    char blob_digest[72]; ///< "sha256:…"
    char diff_id[72];
    uint64_t blob_bytes;
    uint64_t content_bytes;   ///< decompressed
    uint64_t image_bytes;     ///< what the image takes on the disk, holes not counted
    uint64_t entries;         ///< of the tar
    uint32_t missing_parents; ///< folders without an entry of their own
    uint32_t missing_links;   ///< hard links to files of lower layers
    uint32_t dropped;         ///< entries that have no meaning here (sockets, devices 0:0, AUFS notes)
    uint32_t dropped_xattrs;  ///< attributes that ext4 has no place for
    bool root_missing;        ///< no entry for "/" itself: the image has root:root 0755
    bool root_opaque;         ///< everything of the lower layers is hidden
    /// The image is whole. False when something is missing: call layer_writer_complete with the lower layers,
    /// and name the image by its chain id, not by its diff id.
    bool complete;
} layer_result;

/// Starts the threads. NULL when the image cannot be made.
layer_writer *layer_writer_create(const layer_writer_options *options, holm_error **error);

/// Takes the next bytes of the blob. Blocks while the stages are behind: for worker threads. -1 when the
/// layer is refused; the error says why.
int layer_writer_push(layer_writer *self, const void *data, size_t length, holm_error **error);

/// The same without blocking: returns how many bytes were taken (0 to length), or -1. When it took less,
/// `room` is called once there is room.
ssize_t layer_writer_try_push(layer_writer *self, const void *data, size_t length, holm_error **error);

/// Bytes of content so far, for those who watch. From any thread.
uint64_t layer_writer_content_bytes(const layer_writer *self);

/// Says that no more bytes come, without waiting for the stages; `done` tells when they have ended.
void layer_writer_end(layer_writer *self);

/// Ends the stream, waits for the stages, and checks digests and sizes. When nothing is missing the image is
/// then written out and synced to the disk. -1 with INTEGRITY, LIMIT, NO_SPACE …
int layer_writer_finish(layer_writer *self, layer_result *result, holm_error **error);

/// After a finish that was not complete: takes what is missing from the images of the lower layers, the
/// lowest first, and writes the image out. Without lower layers missing folders become root:root 0755.
int layer_writer_complete(layer_writer *self, const char *const *lower, size_t count, layer_result *result,
                          holm_error **error);

/// May be called at any time from any other thread: the stages end soon, calls fail with CANCELLED.
void layer_writer_cancel(layer_writer *self);

/// Ends the stages. The image is removed unless it was written out. NULL is fine.
void layer_writer_destroy(layer_writer *self);
CLEANUP_DEFINE(layer_writer, layer_writer_cleanup, layer_writer_destroy)
#define cleanup_layer_writer cleanup(layer_writer_cleanup)
