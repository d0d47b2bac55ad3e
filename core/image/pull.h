// Pulling an image: resolve the reference, fetch all layers side by side, each in one pass into its layer
// image, then tell state.db.
//
// Everything runs on the loop's thread but what blocks, which is on libuv's workers (the process should have
// at least PULL_THREADS of them). Layers are shared by the pulls of one process and, through locks on the
// partial blobs, by processes. A pull whose process was killed goes on where it was.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/error.h"
#include "core/image/reference.h"
#include "core/registry/registry.h"
#include "core/store/blob.h"

#define PULL_CONCURRENCY     3 ///< layers on their way at once, when nothing else is said
#define PULL_CONCURRENCY_MAX 8
/// A waiting layer holds a worker, and there must be some for the layer it waits for, and for the rest.
#define PULL_THREADS (2 * PULL_CONCURRENCY_MAX)

typedef struct pull_engine pull_engine;
typedef struct pull pull;

typedef struct pull_engine_options {
    uv_loop_t *loop;
    const char *data_directory;
    credential_broker *broker;              ///< borrowed, or NULL
    const char *const *certificate_folders; ///< as in registry_options; borrowed
    const json_t *settings;                 ///< as in registry_options; borrowed
    unsigned backoff_ms, stall_seconds;     ///< as in registry_options; 0: the defaults
} pull_engine_options;

/// Blocks for the disk.
pull_engine *pull_engine_create(const pull_engine_options *options, holm_error **error);
/// Only without pulls. Accepts NULL. The loop has to run once more.
void pull_engine_destroy(pull_engine *self);
/// The blobs that pulls go to. Owned by the engine.
blob_store *pull_engine_blobs(const pull_engine *self);
/// A registry as the engine is configured to reach it. login: who to be (copied), or NULL for who is known.
registry *pull_engine_registry(pull_engine *self, const char *host, const char *repository,
                               const char *scheme, const credentials *login, holm_error **error);
/// The same with the right to push, as far as the registry gives it.
registry *pull_engine_push_registry(pull_engine *self, const char *host, const char *repository,
                                    const char *scheme, holm_error **error);
/// The place of this index to get an image from: first the registry's mirrors, at last itself. NULL without
/// an error: there is none any more. `scheme` is for the registry itself.
registry *pull_engine_place(pull_engine *self, const image_reference *reference, const char *scheme,
                            size_t index, holm_error **error);
/// Whether a pull, or what is left of a cancelled one, is still at work.
bool pull_engine_is_busy(const pull_engine *self);

typedef struct pull_layer_status {
    const char *digest;
    const char *phase;                ///< queued, downloading, unpacking, done, exists, retrying
    uint64_t bytes_done, bytes_total; ///< of the blob
} pull_layer_status;

typedef struct pull_status {
    const char *phase; ///< resolving, downloading, unpacking, storing
    pull_layer_status *layers;
    size_t layer_count, layer_capacity;
    uint64_t bytes_done, bytes_total;
} pull_status;

/// Begins to fill a status again; its array stays.
void pull_status_reset(pull_status *self, const char *phase);
pull_layer_status *pull_status_add(pull_status *self);
void pull_status_finish(pull_status *self);

typedef struct pull_events {
    /// Something in the status has changed. Comes often: draw from a timer.
    void (*changed)(pull *self, void *data);
    /// Exactly once, last: the digest of what the name stands for (of the index where it is one), or an error
    /// (CANCELLED). The pull is gone after the call.
    void (*done)(pull *self, const char *digest, const holm_error *error, void *data);
} pull_events;

typedef struct pull_options {
    const char *platform; ///< "linux/arm64/v8"; NULL or "": the host's
    const char *scheme;   ///< http, https, auto; NULL or "": auto
    unsigned concurrency; ///< 0: PULL_CONCURRENCY
    const char *manifest; ///< the digest to fetch whatever the tag names by now; no name changes. Or NULL
    bool any_platform;    ///< take the manifest's image whatever it is for
    bool all_platforms;   ///< keep all that an index names; only the image for `platform` is unpacked
    bool blobs;           ///< fetch a layer whose blob is missing even when its image is here
} pull_options;

/// What else is worth saying, while `done` runs; NULL: nothing.
const char *pull_note(const pull *self);
/// Starts a pull. NULL only when the options make no sense; all else comes through `done`, from the loop.
pull *pull_start(pull_engine *engine, const image_reference *reference, const pull_options *options,
                 const pull_events *events, void *data, holm_error **error);
/// Ends it: `done` comes with CANCELLED, from the loop. What has arrived is kept for the next time.
void pull_cancel(pull *self);
/// out is reused from call to call: pull_status_finish in the end.
void pull_status_get(const pull *self, pull_status *out);
