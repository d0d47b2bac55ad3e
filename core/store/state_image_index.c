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

/// One entry for each name. What is not here is not named: index.json would not be sound.
static int add_name(const char *folder, sqlite3_stmt *statement, json_t *manifests, holm_error **error) {
    const char *target = state_text(statement, 1), *hex = strchr(target, ':');
    bool of_index = sqlite3_column_type(statement, 2) != SQLITE_NULL;
    cleanup_json json_t *document = state_json(statement, of_index ? 2 : 3, error);
    if (!document)
        return -1;
    cleanup_free char *path = path_join(folder, "blobs/sha256", hex ? hex + 1 : "-", NULL);
    struct stat status;
    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode))
        return 0;
    const char *type = of_index ? json_string_value(json_object_get(document, "mediaType"))
                                : text_of(document, "status", "mediaType");
    json_t *entry = json_pack("{s:s, s:s, s:I}", "mediaType",
                              type && *type ? type : "application/vnd.oci.image.manifest.v1+json", "digest",
                              target, "size", (json_int_t)status.st_size);
    if (!of_index)
        json_object_set_new(entry, "platform",
                            platform_object(text_of(document, "configuration", "platform")));
    json_object_set_new(entry, "annotations", json_pack("{s:s}", NAME_KEY, state_text(statement, 0)));
    json_array_append_new(manifests, entry);
    return 0;
}

static int add_names(state *self, const char *folder, json_t *manifests, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(
        self, error,
        "SELECT reference, target, (SELECT document FROM indexes WHERE indexes.id = target),"
        " (SELECT document FROM images WHERE images.id = image) FROM image_references GROUP BY reference"
        " ORDER BY reference",
        "");
    int row = statement ? 1 : -1;
    while (row > 0 && (row = state_step(self, statement, error)) > 0)
        if (add_name(folder, statement, manifests, error) < 0)
            return -1;
    return row;
}

int state_image_index_write(state *self, const char *data_directory, holm_error **error) {
    cleanup_free char *folder = path_join(data_directory, "images", NULL);
    cleanup_free char *path = path_join(folder, "index.json", NULL);
    cleanup_free char *lock_path = path_join(folder, "index.lock", NULL);
    if (path_make_directories(folder, error) < 0)
        return -1;
    // The list is read under the lock: who writes last has seen the last change.
    cleanup_close int lock = file_lock(lock_path, true, true, error);
    if (lock < 0)
        return -1;
    cleanup_json json_t *root = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType",
                                          "application/vnd.oci.image.index.v1+json", "manifests");
    if (add_names(self, folder, json_object_get(root, "manifests"), error) < 0)
        return -1;
    cleanup_free char *text = json_dumps(root, JSON_COMPACT);
    if (!text) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for index.json");
        return -1;
    }
    return file_write(path, text, strlen(text), error);
}
