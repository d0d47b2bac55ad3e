#include <errno.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/store/blob_internal.h"

#define INDEX_MAX (64u << 20)
#define NAME_KEY  "org.opencontainers.image.ref.name"

static json_t *load(const char *path, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    if (file_read(path, INDEX_MAX, &text, error) < 0)
        return NULL;
    json_t *root = json_loadb(buffer_text(&text), text.length, 0, NULL);
    if (!json_is_array(json_object_get(root, "manifests"))) {
        json_decref(root);
        // Ours to keep valid: what is no index is replaced, the images themselves are in state.db.
        root = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType",
                         "application/vnd.oci.image.index.v1+json", "manifests");
    }
    return root;
}

static void drop(json_t *manifests, const char *reference) {
    for (size_t i = json_array_size(manifests); i-- > 0;) {
        const json_t *annotations = json_object_get(json_array_get(manifests, i), "annotations");
        const char *name = json_string_value(json_object_get(annotations, NAME_KEY));
        if (name && strcmp(name, reference) == 0)
            json_array_remove(manifests, i);
    }
}

static json_t *platform_object(const char *platform) {
    char os[64] = "", architecture[64] = "", variant[64] = "";
    sscanf(platform, "%63[^/]/%63[^/]/%63s", os, architecture, variant);
    json_t *object = json_pack("{s:s, s:s}", "architecture", architecture, "os", os);
    if (variant[0])
        json_object_set_new(object, "variant", json_string(variant));
    return object;
}

// Adds the entry (stolen) when there is one, after taking the name from whoever had it.
static int replace(blob_store *self, const char *reference, json_t *entry, holm_error **error) {
    cleanup_free char *path = path_join(self->directory, "index.json", NULL);
    cleanup_free char *lock_path = path_join(self->directory, "index.lock", NULL);
    cleanup_close int lock = file_lock(lock_path, true, true, error);
    json_t *root = lock < 0 ? NULL : load(path, error);
    if (!root) {
        json_decref(entry);
        return -1;
    }
    json_t *manifests = json_object_get(root, "manifests");
    drop(manifests, reference);
    if (entry)
        json_array_append_new(manifests, entry);
    cleanup_free char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return file_write(path, text, strlen(text), error);
}

int blob_index_set(blob_store *self, const char *reference, const char *digest, const char *media_type,
                   uint64_t size, const char *platform, holm_error **error) {
    json_t *entry = json_pack("{s:s, s:s, s:I, s:o, s:{s:s}}", "mediaType", media_type, "digest", digest,
                              "size", (json_int_t)size, "platform", platform_object(platform), "annotations",
                              NAME_KEY, reference);
    return replace(self, reference, entry, error);
}

int blob_index_remove(blob_store *self, const char *reference, holm_error **error) {
    return replace(self, reference, NULL, error);
}
