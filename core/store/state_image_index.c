// DATA/images/index.json, by which other tools find our images (OCI image specification 1.1,
// image-layout.md): always written anew from state.db, which is what counts. Someone killed between the two
// leaves an old index until the next change, or the next start of the image worker.
#include <string.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/store/state_internal.h"

#define NAME_KEY "org.opencontainers.image.ref.name"

static const char *text_of(const json_t *document, const char *part, const char *key) {
    const char *text = json_string_value(json_object_get(json_object_get(document, part), key));
    return text ? text : "";
}

static json_t *platform_object(const char *platform) {
    char os[64] = "", architecture[64] = "", variant[64] = "";
    sscanf(platform, "%63[^/]/%63[^/]/%63s", os, architecture, variant);
    json_t *object = json_pack("{s:s, s:s}", "architecture", architecture, "os", os);
    if (variant[0])
        json_object_set_new(object, "variant", json_string(variant));
    return object;
}

/// One entry for each name. A manifest that is not here is not named: the index would not be sound.
static void add_image(const char *folder, const json_t *document, json_t *manifests) {
    const char *id = json_string_value(json_object_get(document, "id"));
    const char *type = text_of(document, "status", "mediaType"), *hex = id ? strchr(id, ':') : NULL;
    cleanup_free char *path = path_join(folder, "blobs/sha256", hex ? hex + 1 : "-", NULL);
    struct stat status;
    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode))
        return;
    size_t index;
    json_t *name;
    json_array_foreach (json_object_get(json_object_get(document, "configuration"), "references"), index,
                        name)
        json_array_append_new(manifests,
                              json_pack("{s:s, s:s, s:I, s:o, s:{s:O}}", "mediaType",
                                        *type ? type : "application/vnd.oci.image.manifest.v1+json", "digest",
                                        id, "size", (json_int_t)status.st_size, "platform",
                                        platform_object(text_of(document, "configuration", "platform")),
                                        "annotations", NAME_KEY, name));
}

int state_image_index_write(state *self, const char *data_directory, holm_error **error) {
    cleanup_free char *folder = path_join(data_directory, "images", NULL);
    cleanup_free char *path = path_join(folder, "index.json", NULL);
    cleanup_free char *lock_path = path_join(folder, "index.lock", NULL);
    if (path_make_directories(folder, error) < 0)
        return -1;
    // The list is read under the lock: who writes last has seen the last change.
    cleanup_close int lock = file_lock(lock_path, true, true, error);
    cleanup_json json_t *list = lock < 0 ? NULL : state_image_list(self, error);
    if (!list)
        return -1;
    cleanup_json json_t *root = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType",
                                          "application/vnd.oci.image.index.v1+json", "manifests");
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document)
        add_image(folder, document, json_object_get(root, "manifests"));
    cleanup_free char *text = json_dumps(root, JSON_COMPACT);
    if (!text) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for index.json");
        return -1;
    }
    return file_write(path, text, strlen(text), error);
}
