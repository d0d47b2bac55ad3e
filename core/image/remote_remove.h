// Takes a tag or a manifest away from a registry: distribution specification 1.1, "Content Management".
#pragma once

#include "core/registry/registry.h"
#include "core/store/digest.h"

typedef struct remote_remove remote_remove;

/// Removes `object`, a tag or a digest; with a manifest that refers to another one its place on the list of
/// referrers goes, where the registry does not see to that itself. `done` comes once from the loop: the
/// digest of what stood there, or the error: UNSUPPORTED where the registry does not let it be done. Never
/// NULL.
remote_remove *remote_remove_start(registry *owner, const char *object,
                                   void (*done)(const char *digest, const holm_error *error, void *data),
                                   void *data);
/// `done` does not come any more. Accepts NULL.
void remote_remove_cancel(remote_remove *self);
