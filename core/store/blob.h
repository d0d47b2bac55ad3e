// Blobs by digest: an OCI image layout in DATA/images that other tools can read, and the pieces of blobs that
// are still on their way.
//
//     DATA/images/oci-layout, index.json, blobs/sha256/<hex>
//     DATA/images/partial/<hex>        what has arrived so far, locked (flock) by the one who writes it
//     DATA/images/lock                 shared by whoever adds blobs or layers, exclusive for sweeping
//
// Follows the OCI image specification 1.1, image-layout.md. A blob gets its name once all of it has been
// verified, never before. Every function blocks for the disk: call it from a worker, not on a loop.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/store/digest.h"

typedef struct blob_store blob_store;

/// Opens DATA/images, making what is missing. May be used from several threads at once.
blob_store *blob_store_open(const char *data_directory, holm_error **error);
void blob_store_close(blob_store *self);
CLEANUP_DEFINE(blob_store, blob_store_cleanup, blob_store_close)
#define cleanup_blob_store cleanup(blob_store_cleanup)

/// The folder, DATA/images. Owned by the store.
const char *blob_store_directory(const blob_store *self);

/// Keeps sweeping away while blobs are added and not yet known to state.db. A descriptor; closing it lets go.
int blob_store_hold(blob_store *self, holm_error **error);
/// For sweeping: IN_USE while anyone holds. A descriptor; closing it lets go.
int blob_store_hold_alone(blob_store *self, holm_error **error);

// `digest` is valid (digest_is_valid) everywhere.

/// Whether the blob is here; *size (may be NULL) is its length.
bool blob_exists(const blob_store *self, const char *digest, uint64_t *size);
/// A descriptor for reading, close-on-exec. NOT_FOUND when it is not here.
int blob_open(const blob_store *self, const char *digest, holm_error **error);
/// The path of the blob, here or not. The caller frees it.
char *blob_path(const blob_store *self, const char *digest);
/// Appends the bytes of a small blob; above `most`: LIMIT. The digest is checked again.
int blob_read(const blob_store *self, const char *digest, size_t most, buffer *out, holm_error **error);
/// Stores bytes that are all there. out (may be NULL) is their digest.
int blob_put(blob_store *self, const void *bytes, size_t length, char out[DIGEST_SIZE], holm_error **error);
/// Removes the blob; none is no error. *freed (may be NULL) is what it occupied.
int blob_remove(blob_store *self, const char *digest, uint64_t *freed, holm_error **error);
/// Hashes the whole blob again: INTEGRITY when it is not what its name says. `cancelled` (may be NULL) is
/// read now and then.
int blob_verify(const blob_store *self, const char *digest, const bool *cancelled, holm_error **error);
/// Every blob that is here, as digests.
json_t *blob_list(const blob_store *self, holm_error **error);
/// Removes the partial blobs that nobody writes and nobody has touched for `age_seconds`; what can never be
/// gone on with at any age.
int blob_sweep_partial(blob_store *self, int64_t age_seconds, holm_error **error);
#define BLOB_PARTIAL_AGE (24 * 3600) ///< how long the pieces of a broken-off pull are kept, in seconds

// ---- arriving ----

typedef struct blob_writer blob_writer;

/// Begins a blob or goes on with what is here of it. IN_USE: another process writes it (blob_writer_wait).
/// `size` is what it will have; room for it is reserved, so a disk that is too small is told at once.
blob_writer *blob_writer_create(blob_store *self, const char *digest, uint64_t size, holm_error **error);
/// Blocks until nobody writes this blob any more: it is then here, or its writing can go on.
int blob_writer_wait(blob_store *self, const char *digest, holm_error **error);
/// How much was here at the start. These bytes are in the file and not yet in the digest: read them back with
/// blob_writer_recall, all of them, before writing more.
uint64_t blob_writer_offset(const blob_writer *self);
/// Reads the next of the earlier bytes into `data` and adds them to the digest: the count, 0 when there are
/// no more, -1.
ssize_t blob_writer_recall(blob_writer *self, void *data, size_t length, holm_error **error);
int blob_writer_write(blob_writer *self, const void *data, size_t length, holm_error **error);
/// Verifies size and digest and gives the blob its name. INTEGRITY: the bytes are thrown away.
int blob_writer_commit(blob_writer *self, holm_error **error);
/// Throws away what has arrived, to begin again at 0.
int blob_writer_restart(blob_writer *self, holm_error **error);
/// Lets go. What has arrived stays for the next time. Accepts NULL.
void blob_writer_destroy(blob_writer *self);
CLEANUP_DEFINE(blob_writer, blob_writer_cleanup, blob_writer_destroy)
#define cleanup_blob_writer cleanup(blob_writer_cleanup)

// ---- of a digest not known yet ----

typedef struct blob_intake blob_intake;

blob_intake *blob_intake_create(blob_store *store, holm_error **error);
int blob_intake_write(blob_intake *self, const void *data, size_t length, holm_error **error);
/// Gives what was written its name; `out` is its digest.
int blob_intake_commit(blob_intake *self, char out[DIGEST_SIZE], holm_error **error);
/// Without a commit nothing is left. Accepts NULL.
void blob_intake_destroy(blob_intake *self);
CLEANUP_DEFINE(blob_intake, blob_intake_cleanup, blob_intake_destroy)
#define cleanup_blob_intake cleanup(blob_intake_cleanup)
