#include "core/image/referrer.h"

#include <string.h>

#include "core/registry/registry_referrers.h"

static const json_t *artifact_type_of(const json_t *root) {
    const json_t *own = json_object_get(root, "artifactType");
    if (json_is_string(own) && json_string_length(own) > 0)
        return own;
    return json_object_get(json_object_get(root, "config"), "mediaType");
}

json_t *referrer_descriptor(const char *text, size_t length, const char *digest, const char *media_type,
                            char **subject) {
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL), *descriptor = NULL;
    const char *about = json_string_value(json_object_get(json_object_get(root, "subject"), "digest"));
    if (registry_digest_is_valid(about)) {
        const json_t *type = artifact_type_of(root), *annotations = json_object_get(root, "annotations");
        descriptor = json_pack("{s:s, s:s, s:I}", "mediaType", media_type, "digest", digest, "size",
                               (json_int_t)length);
        if (json_is_string(type))
            json_object_set(descriptor, "artifactType", (json_t *)type);
        if (json_is_object(annotations))
            json_object_set(descriptor, "annotations", (json_t *)annotations);
        *subject = strdup(about);
    }
    json_decref(root);
    return descriptor;
}
