// The tags of a repository: distribution specification 1.1, "Listing Tags".
#pragma once

#include "core/registry/registry_list.h"

#define REGISTRY_TAGS_PAGE_MAX (1u << 20) ///< bytes of one page

/// Asks for at most `most` tags (0: REGISTRY_LIST_MAX) of the registry's repository: a list of strings.
registry_list *registry_tags_start(registry *owner, size_t most, registry_list_done done, void *data);

/// As registry_list_parse; what is no tag is passed over.
int registry_tags_parse(const char *text, size_t length, json_t *out, size_t most, holm_error **error);
