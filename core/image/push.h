// Pushing an image or an index of images: blobs side by side, then manifests. What the registry has is
// not sent again, and what another of its repositories has is mounted from there.
//
// Everything runs on the loop's thread but what blocks, which is on libuv's workers.
#pragma once

#include "core/image/pull.h"

typedef struct push push;

typedef struct push_events {
    /// Something in the status has changed. Comes often: draw from a timer.
    void (*changed)(push *self, void *data);
    /// Exactly once, last, from the loop: the digest of the manifest or index, or an error (CANCELLED). note:
    /// what else is worth saying, or NULL. The push is gone after the call.
    void (*done)(push *self, const char *digest, const char *note, const holm_error *error, void *data);
} push_events;

typedef struct push_options {
    const char *scheme;   ///< http, https, auto; "" or NULL: auto
    const char *platform; ///< only the image for this one; "" or NULL: see below
    bool all_platforms;   ///< an index of what is here, also where something is missing
} push_options;

/// Pushes what has this name here to the place of the same name. An index goes with all that it names when
/// all of that is here; else the image of it for this machine. NULL only for options that make no sense.
push *push_start(pull_engine *engine, const image_reference *reference, const push_options *options,
                 const push_events *events, void *data, holm_error **error);
/// Ends it: `done` comes with CANCELLED. What has arrived whole is there the next time.
void push_cancel(push *self);
/// As of a pull, with the phases resolving, uploading and storing, and of a layer queued, uploading, done and
/// exists.
void push_status_get(const push *self, pull_status *out);
