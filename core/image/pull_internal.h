// Between the files of the pull.
#pragma once

#include "core/image/layer.h"
#include "core/image/manifest.h"
#include "core/image/pull.h"
#include "core/registry/registry.h"

typedef struct pull_layer pull_layer;

struct pull_engine {
    uv_loop_t *loop;
    http_client *http;
    blob_store *blobs;
    char *data_directory, *layers_directory;
    pull_engine_options options;
    unsigned slots, slots_taken; // layers on their way
    unsigned pulls;
    pull_layer *layers;       // all that are under way, oldest first
    uint64_t temporary_count; // for names
};

/// A registry that several layers and a pull use.
typedef struct pull_source {
    registry *registry;
    unsigned references;
} pull_source;

pull_source *pull_source_take(pull_source *self);
void pull_source_drop(pull_source *self);

typedef enum pull_layer_phase {
    PULL_LAYER_QUEUED,
    PULL_LAYER_DOWNLOADING,
    PULL_LAYER_RETRYING,
    PULL_LAYER_UNPACKING, // all bytes are here
    PULL_LAYER_WAITING,   // for its parent, to be completed from it
    PULL_LAYER_DONE,
    PULL_LAYER_EXISTS,
    PULL_LAYER_FAILED,
} pull_layer_phase;

typedef struct pull_layer_user {
    void (*changed)(pull_layer *layer, void *data);
    void *data;
    struct pull_layer_user *next;
} pull_layer_user;

/// Finds the layer of this chain among those under way, or begins it. `changed` is told of every step, from
/// the loop. parent may be NULL. Let go of it with pull_layer_release and the same data.
pull_layer *pull_layer_acquire(pull_engine *engine, pull_source *source,
                               const manifest_descriptor *descriptor, const char *diff_id,
                               const char *chain_id, pull_layer *parent, bool blob,
                               void (*changed)(pull_layer *layer, void *data), void *data);
/// The same for a blob that is only kept, whatever it is.
pull_layer *pull_layer_acquire_blob(pull_engine *engine, pull_source *source,
                                    const manifest_descriptor *descriptor,
                                    void (*changed)(pull_layer *layer, void *data), void *data);
/// When nobody is left that wants it, it is broken off.
void pull_layer_release(pull_layer *self, const void *data);

pull_layer_phase pull_layer_phase_of(const pull_layer *self);
bool pull_layer_is_done(const pull_layer *self);
/// Why it has failed. Owned by the layer.
const holm_error *pull_layer_error(const pull_layer *self);
/// Once it is done: the file's name in DATA/layers, owned by the layer, and what it takes on the disk.
const char *pull_layer_file(const pull_layer *self, uint64_t *unpacked_bytes);
void pull_layer_status_get(const pull_layer *self, pull_layer_status *out);
