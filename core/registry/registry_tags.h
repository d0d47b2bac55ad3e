// The tags of a repository: distribution specification 1.1, "Listing Tags", over as many pages as there are.
#pragma once

#include <jansson.h>

#include "core/registry/registry.h"

#define REGISTRY_TAGS_MAX       10000
#define REGISTRY_TAGS_PAGE      1000
#define REGISTRY_TAGS_PAGES_MAX 100
#define REGISTRY_TAGS_PAGE_MAX  (1u << 20) ///< bytes of one page

typedef struct registry_tags registry_tags;

/// Exactly once: an array of strings (borrowed) and whether the registry has more, or the error.
typedef void (*registry_tags_done)(const json_t *tags, bool more, const holm_error *error, void *data);

/// Asks for at most `most` tags (0: REGISTRY_TAGS_MAX) of the registry's repository; `done` comes from the
/// loop.
registry_tags *registry_tags_start(registry *owner, size_t most, registry_tags_done done, void *data);
/// `done` does not come any more. Accepts NULL.
void registry_tags_cancel(registry_tags *self);

/// Appends the tags of one page to `out`, at most so many that it has `most`; what is no tag is passed over.
int registry_tags_parse(const char *text, size_t length, json_t *out, size_t most, holm_error **error);
