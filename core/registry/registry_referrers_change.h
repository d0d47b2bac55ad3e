// Keeps the list of what refers to a manifest where the registry does not: distribution specification 1.1,
// "Pushing Manifests with Subject" and "Deleting Manifests".
#pragma once

#include "core/registry/registry_referrers.h"

typedef struct registry_referrers_change registry_referrers_change;

/// Puts the descriptor on the list of what refers to `subject`, or takes the one of its digest away. Of two
/// at the same time one can be lost: the specification leaves that to registries that keep the list
/// themselves. Never NULL; `done` comes from the loop.
registry_referrers_change *registry_referrers_change_start(registry *owner, const char *subject,
                                                           const json_t *descriptor, bool remove,
                                                           void (*done)(const holm_error *error, void *data),
                                                           void *data);
/// `done` does not come any more. Accepts NULL.
void registry_referrers_change_cancel(registry_referrers_change *self);

/// The index with the descriptor in it (or without it: remove), all else as it was; text NULL: an empty one.
/// *out becomes NULL where nothing has to change; else the caller frees it. INTEGRITY for what is no index.
int registry_referrers_edit(const char *text, size_t length, const json_t *descriptor, bool remove,
                            char **out, holm_error **error);
