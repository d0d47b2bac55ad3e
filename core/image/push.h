// Pushing an image: its layers and configuration side by side, then its manifest. What the registry has is
// not sent again, and what another of its repositories has is mounted from there.
//
// Everything runs on the loop's thread but what blocks, which is on libuv's workers.
#pragma once

#include "core/image/pull.h"

typedef struct push push;

typedef struct push_events {
    /// Something in the status has changed. Comes often: draw from a timer.
    void (*changed)(push *self, void *data);
    /// Exactly once, last, from the loop: the manifest's digest, or an error (CANCELLED). The push is gone
    /// after the call.
    void (*done)(push *self, const char *digest, const holm_error *error, void *data);
} push_events;

/// Pushes the image that has this name here to the place of the same name. scheme: http, https, auto; "" or
/// NULL: auto. NULL only for a scheme that is none.
push *push_start(pull_engine *engine, const image_reference *reference, const char *scheme,
                 const push_events *events, void *data, holm_error **error);
/// Ends it: `done` comes with CANCELLED. What has arrived whole is there the next time.
void push_cancel(push *self);
/// As of a pull, with the phases resolving, uploading and storing, and of a layer queued, uploading, done and
/// exists.
void push_status_get(const push *self, pull_status *out);
