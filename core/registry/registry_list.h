// A list that a registry gives in pages: tags, and what refers to a manifest (distribution specification 1.1,
// "Content Discovery").
#pragma once

#include <jansson.h>

#include "core/registry/registry.h"

#define REGISTRY_LIST_MAX       10000 ///< entries
#define REGISTRY_LIST_PAGE      1000  ///< entries that are asked for at a time
#define REGISTRY_LIST_PAGES_MAX 100
#define REGISTRY_LIST_BYTES_MAX (16u << 20) ///< of all pages: then the rest is left to be more

typedef struct registry_list registry_list;

/// Appends what is sound of one page to `out`, at most so much that it has `most`; INTEGRITY for what is no
/// page.
typedef int (*registry_list_parse)(const char *text, size_t length, json_t *out, size_t most,
                                   holm_error **error);
/// Exactly once: an array (borrowed) and whether the registry has more, or the error.
typedef void (*registry_list_done)(const json_t *list, bool more, const holm_error *error, void *data);

/// Asks for at most `most` entries (0: REGISTRY_LIST_MAX), from the page `path` on, each of at most
/// `page_most` bytes. Never NULL; `done` comes from the loop.
registry_list *registry_list_start(registry *owner, const char *path, size_t page_most, size_t most,
                                   registry_list_parse parse, registry_list_done done, void *data);
/// `done` does not come any more. Accepts NULL.
void registry_list_cancel(registry_list *self);
