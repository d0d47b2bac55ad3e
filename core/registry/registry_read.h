// A manifest or a page of a registry's, read whole.
#pragma once

#include "core/base/buffer.h"
#include "core/registry/registry.h"

typedef struct registry_read registry_read;

/// Exactly once: the bytes (borrowed), or the error. Within it `fetch` still tells
/// registry_fetch_next_page.
typedef void (*registry_read_done)(registry_fetch *fetch, const buffer *text, const holm_error *error,
                                   void *data);

/// What is no blob, of at most request->most bytes. Never NULL; `done` comes from the loop.
registry_read *registry_read_start(registry *owner, const registry_request *request, registry_read_done done,
                                   void *data);
/// `done` does not come any more. Accepts NULL.
void registry_read_cancel(registry_read *self);
