// How the image worker (holm-image) is reached and started.
//
// The worker listens on RUNTIME/image.sock. Two locks keep this free of races, with no waiting for files:
//
//     image.lock    shared while someone connects, so that no idle worker leaves meanwhile: before it stops
//                   listening it takes this lock, without waiting, and when it is held it stays. Exclusive
//                   while someone starts a worker, which takes the descriptor over until it listens: that
//                   holds even when the starter is killed.
//     image.worker  held by the worker for its life: where one is just leaving, the next one waits for it.
//
// Started as `holm-image` with two descriptors: 3, the write end of a pipe, where it writes 'R' once it
// listens, or 'E' and the error as three lines (code, message, hint); and 4, the start lock. Then it closes
// both.
#pragma once

#include <stdint.h>

#include "core/base/error.h"
#include "core/base/path.h"
#include "core/image/image.pb-c.h"
#include "core/rpc/rpc.h"

/// The worker's service as a client calls it (image.proto): method descriptors without handlers.
extern const rpc_service image_protocol;

#define IMAGE_CLIENT_ANSWER_FD 3
#define IMAGE_CLIENT_LOCK_FD   4

/// RUNTIME/image.sock, RUNTIME/image.lock and RUNTIME/image.worker. The caller frees them.
char *image_client_socket(const paths *where);
char *image_client_lock(const paths *where);
char *image_client_worker_lock(const paths *where);

/// DATA/disks/empty-SIZE.ext4: where MakeDisk leaves the empty disk of that size, by a rename, so that it can
/// be used without asking once it is there. The caller frees it.
char *image_client_disk(const paths *where, uint64_t size);

/// An empty disk of a volume: its size, and where they are not as they come (NULL, 0) the mode (ext4's data=)
/// and the size of its journal.
typedef struct image_disk_shape {
    uint64_t size;
    const char *journal_mode;
    uint64_t journal_bytes;
} image_disk_shape;
/// DATA/disks/empty-SIZE[-MODE-BYTES].ext4. The caller frees it.
char *image_client_disk_of(const paths *where, const image_disk_shape *shape);

/// A connected descriptor for rpc_connection_create; the worker is started where there is none. Blocks until
/// it listens: call it from a worker thread, not on a loop. Without `start`: -1 and UNAVAILABLE when there is
/// none.
int image_client_connect(const paths *where, bool start, holm_error **error);
