// What refers to a manifest, by its field "subject": signatures, bills of materials. Distribution
// specification 1.1, "Listing Referrers" and "Unavailable Referrers API": a registry without the list keeps
// it as an index under a tag, which who pushes and removes looks after.
#pragma once

#include "core/registry/registry_list.h"

#define REGISTRY_REFERRERS_MAX      1000       ///< entries of one list
#define REGISTRY_REFERRERS_SIZE_MAX (4u << 20) ///< bytes of one page, and of the index under the tag
#define REGISTRY_REFERRERS_TAG_SIZE (32 + 1 + 64 + 1)
#define REGISTRY_INDEX_TYPE         "application/vnd.oci.image.index.v1+json"
/// Of what stands under the tag: also what should not.
#define REGISTRY_REFERRERS_ACCEPT REGISTRY_INDEX_TYPE ", application/vnd.oci.image.manifest.v1+json"

typedef struct registry_referrers registry_referrers;

/// Lists what refers to `digest`, of one artifact type only where that is not NULL: objects with "digest",
/// "mediaType", "size", "artifactType" ("" where there is none) and "annotations". Never NULL; `done` comes
/// from the loop.
registry_referrers *registry_referrers_start(registry *owner, const char *digest, const char *artifact_type,
                                             registry_list_done done, void *data);
/// `done` does not come any more. Accepts NULL.
void registry_referrers_cancel(registry_referrers *self);

/// As registry_list_parse, of an index; descriptors that are none are passed over.
int registry_referrers_parse(const char *text, size_t length, json_t *out, size_t most, holm_error **error);
/// The page that lists them, after the registry's base. The caller frees it.
char *registry_referrers_path(const registry *owner, const char *digest, const char *artifact_type);
/// The tag under which they are kept where the registry keeps no list.
void registry_referrers_tag(const char *digest, char out[REGISTRY_REFERRERS_TAG_SIZE]);
/// Any algorithm's.
bool registry_digest_is_valid(const char *text);
