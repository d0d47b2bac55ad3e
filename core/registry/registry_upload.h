// One blob on its way to a registry: distribution specification 1.1, "Pushing blobs", in chunks, which go on
// where they broke off.
#pragma once

#include "core/registry/registry.h"

#define REGISTRY_CHUNK (UINT64_C(64) << 20) ///< bytes of one PATCH

typedef struct registry_upload registry_upload;

typedef struct registry_upload_options {
    const char *digest;
    uint64_t size;
    int fd; ///< duplicated; -1: its bytes are not here, and it must be there already or be mounted
    const char *source; ///< a repository of this registry that may have it, or NULL
    /// So many bytes have been sent. May be NULL.
    void (*moved)(uint64_t count, void *data);
    /// Exactly once, last: `there` when nothing had to be sent.
    void (*done)(bool there, const holm_error *error, void *data);
} registry_upload_options;

/// Never NULL. The registry outlives it.
registry_upload *registry_upload_start(registry *owner, const registry_upload_options *options, void *data);
/// Ends it and tells the registry to let go of what it has: `ended` comes with the upload's data, whatever
/// the registry says, and the upload is gone after the call; until then registry_upload_cancel works. False:
/// there was nothing to tell, and the upload is gone.
bool registry_upload_abort(registry_upload *self, void (*ended)(void *data));
/// `done` does not come any more. Accepts NULL.
void registry_upload_cancel(registry_upload *self);

/// Where the upload goes on: `location` as the answer of `base` has it. Nothing leads from https to http. The
/// caller frees it.
char *registry_upload_location(const char *base, const char *location, holm_error **error);
/// "0-1023" (or "bytes=0-1023") to the next byte, 1024; "0-0", which registries also say when they have
/// nothing, to 0.
int registry_upload_range(const char *text, uint64_t *next, holm_error **error);
