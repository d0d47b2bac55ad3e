// How the image worker (holm-image) is reached and started.
//
// The worker listens on RUNTIME/image.sock. Whoever needs it takes RUNTIME/image.lock, looks whether it
// answers, starts it where it does not, and lets the lock go: so there is one at most. The worker itself
// takes that lock (without waiting; when it is held, it goes on) before it stops listening because it has
// been idle: nobody connects to one that is leaving.
//
// Started as `holm-image`, it forks itself away at once (so that it is nobody's child), with descriptor 3,
// the write end of a pipe: it writes 'R' once it listens, or 'E' and the error as three lines (code, message,
// hint), and closes it.
#pragma once

#include "core/base/error.h"
#include "core/base/path.h"
#include "core/image/image.pb-c.h"
#include "core/rpc/rpc.h"

/// The worker's service as a client calls it (image.proto): method descriptors without handlers.
extern const rpc_service image_protocol;

/// RUNTIME/image.sock and RUNTIME/image.lock. The caller frees them.
char *image_client_socket(const paths *where);
char *image_client_lock(const paths *where);

/// DATA/disks/empty-SIZE.ext4: where MakeDisk leaves the empty disk of that size, by a rename, so that it can
/// be used without asking once it is there. The caller frees it.
char *image_client_disk(const paths *where, uint64_t size);

/// A connected descriptor for rpc_connection_create; the worker is started where there is none. Blocks until
/// it listens: call it from a worker thread, not on a loop. Without `start`: -1 and UNAVAILABLE when there is
/// none.
int image_client_connect(const paths *where, bool start, holm_error **error);
