// What images take on the disk, file by file: layers that several have count once.
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "core/holm_image.h"
#include "core/holm_prune.h"

/// What the files of a folder occupy; those named in `only` (NULL: all). A folder that is not there has none.
static uint64_t folder_bytes(const char *data, const char *below, const json_t *only) {
    cleanup_free char *path = path_join(data, below, NULL);
    cleanup_directory DIR *folder = opendir(path);
    uint64_t bytes = 0;
    struct stat status;
    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        if ((!only || json_object_get(only, entry->d_name)) &&
            fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode))
            bytes += (uint64_t)status.st_blocks * 512;
    return bytes;
}

static void add_files(const json_t *document, json_t *layers, json_t *blobs) {
    const json_t *status = json_object_get(document, "status");
    const char *id = holm_document_id(document),
               *config_digest = holm_document_status(document, "configDigest");
    size_t index;
    json_t *layer;
    const char *const documents[] = {id, config_digest};
    for (size_t i = 0; i < array_length(documents); i++)
        if (strlen(documents[i]) > strlen("sha256:"))
            json_object_set_new(blobs, documents[i] + strlen("sha256:"), json_true());
    json_array_foreach (json_object_get(status, "layers"), index, layer) {
        const char *file = json_string_value(json_object_get(layer, "file"));
        const char *digest = json_string_value(json_object_get(layer, "digest"));
        if (file)
            json_object_set_new(layers, file, json_true());
        if (digest && strlen(digest) > strlen("sha256:"))
            json_object_set_new(blobs, digest + strlen("sha256:"), json_true());
    }
}

/// The part of `list` that containers use, and the bytes of its files.
static size_t active_count(const json_t *list, json_t *layers, json_t *blobs) {
    size_t index, count = 0;
    json_t *document;
    json_array_foreach (list, index, document) {
        if (json_array_size(json_object_get(json_object_get(document, "status"), "containers")) == 0)
            continue;
        add_files(document, layers, blobs);
        count++;
    }
    return count;
}

/// What the indexes that active images have come with take beside them.
static void add_indexes(const json_t *indexes, const json_t *list, json_t *blobs) {
    size_t index, at, other;
    json_t *document, *entry, *digest;
    json_array_foreach (list, index, document) {
        if (json_array_size(json_object_get(json_object_get(document, "status"), "containers")) == 0)
            continue;
        json_array_foreach (indexes, at, entry)
            if (strcmp(holm_document_id(entry), holm_document_status(document, "digest")) == 0)
                json_array_foreach (json_object_get(entry, "blobs"), other, digest)
                    json_object_set_new(blobs, json_string_value(digest) + strlen("sha256:"), json_true());
    }
}

json_t *holm_image_measure(holm_client *client, state *db, holm_error **error) {
    const char *data = client->where.data;
    cleanup_json json_t *list = holm_image_select(client, db, NULL, error);
    cleanup_json json_t *indexes = list ? state_index_list(db, error) : NULL;
    if (!indexes)
        return NULL;
    cleanup_json json_t *layers = json_object(), *blobs = json_object();
    size_t active = active_count(list, layers, blobs);
    add_indexes(indexes, list, blobs);
    uint64_t layer_bytes = folder_bytes(data, "layers", NULL);
    uint64_t blob_bytes = folder_bytes(data, "images/blobs/sha256", NULL);
    uint64_t partial_bytes = folder_bytes(data, "images/partial", NULL);
    uint64_t used = folder_bytes(data, "layers", layers) + folder_bytes(data, "images/blobs/sha256", blobs);
    uint64_t all = layer_bytes + blob_bytes + partial_bytes;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "total", (json_int_t)json_array_size(list),
                     "active", (json_int_t)active, "sizeBytes", (json_int_t)all, "reclaimableBytes",
                     (json_int_t)(all > used ? all - used : 0), "layerBytes", (json_int_t)layer_bytes,
                     "blobBytes", (json_int_t)blob_bytes, "partialBytes", (json_int_t)partial_bytes, "images",
                     list);
}

static int measure(holm_request *self, state *db, holm_error **error) {
    self->result = holm_image_measure(self->handle.client, db, error);
    return self->result ? 0 : -1;
}

void holm_image_usage(holm_client *client, holm_done done, void *data) {
    holm_request_work(holm_request_create(client, done, data), measure, holm_request_finish);
}
