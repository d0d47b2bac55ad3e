// A layer on its way, as its two sides see it: the loop (pull_layer.c) and a worker (pull_layer_work.c).
// While `working` the worker has the marked members, else the loop.
#pragma once

#include "core/image/pull_internal.h"

typedef enum pull_outcome {
    PULL_OUTCOME_NEXT,   // go on with the stream
    PULL_OUTCOME_WHOLE,  // all bytes of the blob are in the layer's image
    PULL_OUTCOME_EXISTS, // the image was here before
    PULL_OUTCOME_BUSY,   // another writes this blob
    PULL_OUTCOME_FAILED,
} pull_outcome;

struct pull_layer {
    pull_engine *engine;
    pull_layer *next;
    pull_source *source;
    pull_layer *parent;
    pull_layer_user *users;
    manifest_descriptor descriptor;
    char diff_id[DIGEST_SIZE], chain_id[DIGEST_SIZE];
    layer_compression compression;
    pull_layer_phase phase;
    bool has_slot, cancelled;
    bool blob_wanted; // not only the image
    bool plain;       // only the blob: diff_id and chain_id are ""
    bool again;       // this is the second time, all from the registry
    uint64_t bytes_done;
    registry_fetch *fetch;
    buffer gathered;
    bool fetch_paused, fetch_ended;
    holm_error *fetch_error;
    // what a worker has; ours while none is at work
    uv_work_t work;
    bool working, preparing;
    buffer batch;
    pull_outcome result;
    holm_error *error;
    blob_writer *blob;
    layer_writer *writer;
    layer_result unpacked;
    char *temporary;
    bool from_disk; // some or all bytes are of an earlier time
    bool discarded; // and were no good: they are gone
    bool complete;
    char **lower; // paths, for completing
    size_t lower_count;
    // the end
    char *file;
    uint64_t file_bytes;
};

// What a worker does; each is the uv_work_cb of self->work and leaves its result in self->result and
// self->error.

/// Looks for what is here, opens what is not, and feeds what is here of the blob to the layer's writer.
void pull_layer_run_prepare(uv_work_t *work);
/// Waits until no other writes this blob.
void pull_layer_run_wait(uv_work_t *work);
/// Writes one batch.
void pull_layer_run_write(uv_work_t *work);
/// Verifies and names the blob and, when nothing is missing in it, the image.
void pull_layer_run_finish(uv_work_t *work);
/// Takes what is missing from the lower layers, and names the image by its chain.
void pull_layer_run_complete(uv_work_t *work);
/// Throws away bytes that cannot be right, so that no later pull goes on with them.
void pull_layer_run_discard(uv_work_t *work);
