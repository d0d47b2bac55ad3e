// A pull, as its files see it: its life (pull.c), finding out what there is to bring (pull_resolve.c), and
// telling state.db (pull_store.c).
#pragma once

#include "core/base/buffer.h"
#include "core/image/pull_internal.h"

#define PULL_DOCUMENTS_MAX 2048  ///< indexes and manifests of one pull
#define PULL_BLOBS_MAX     16384 ///< all else of it

/// An index or a manifest that is to be brought.
typedef struct pull_document {
    char digest[DIGEST_SIZE]; ///< "": the tag says
    unsigned depth;           ///< of indexes above it
    bool main;                ///< on the way to the image that is unpacked
} pull_document;

/// One that has come.
typedef struct pull_item {
    char digest[DIGEST_SIZE];
    uint64_t size;
    manifest content;       ///< of an index its entries
    bool image;             ///< of a container; else it is only kept
    bool unpack;            ///< its layers become images
    manifest_config config; ///< of the image that is unpacked
    pull_layer **layers;    ///< of that image, lowest first
    size_t layer_count;
} pull_item;

struct pull {
    pull_engine *engine;
    pull_source *source;
    size_t place; // of pull_engine_place
    char *scheme;
    pull_events events;
    void *data;
    image_reference reference;
    char *canonical;
    manifest_platform platform;
    bool platform_given, any_platform, blobs, all_platforms;
    const char *phase;
    uv_idle_t idle; // runs step() from the loop, once something has changed
    uv_work_t work;
    bool working, cancelled;
    void (*then)(pull *self); // once the work is done
    int hold;                 // keeps sweeping away
    holm_error *error;
    char *note;
    char target[DIGEST_SIZE]; // what the name stands for
    char wanted[DIGEST_SIZE]; // "": what the tag names
    // resolving
    pull_document *documents; // in the order in which they are brought
    size_t document_count, document_next;
    bool resolved;
    registry_fetch *fetch;
    buffer fetched;
    char *fetched_type;
    bool found; // it was here
    char found_digest[DIGEST_SIZE];
    registry_request request; // of what is being brought, with `digest`
    char digest[DIGEST_SIZE]; // "": not known
    void (*got)(pull *self);  // once its bytes are in `fetched`, and in the store
    // what has come
    pull_item *items;
    size_t item_count;
    json_t *seen; // digests of blobs: {digest: true}
    // everything that is on its way, also the layers of items
    pull_layer **layers;
    size_t layer_count, layer_capacity;
};

/// The error (taken over) ends the pull, soon and from the loop.
void pull_fail(pull *self, holm_error *error);
void pull_set_phase(pull *self, const char *phase);
/// Runs on a worker; after it `then` (may be NULL) from the loop, unless the pull ends.
void pull_submit(pull *self, uv_work_cb run, void (*then)(pull *self));
void pull_wake(pull *self);
/// A layer or a blob has moved.
void pull_on_layer_changed(pull_layer *layer, void *data);
/// The error is the registry's: the next place is asked, or the pull ends. The error is borrowed.
void pull_blame_place(pull *self, const holm_error *why);
void pull_add_layer(pull *self, pull_layer *layer);

/// Begins with what the name says. `resolved` at the end, when all is on its way.
void pull_resolve(pull *self);
/// Forgets all that has been found out.
void pull_forget(pull *self);

/// The last step, a uv_work_cb of self->work.
void pull_run_store(uv_work_t *work);
