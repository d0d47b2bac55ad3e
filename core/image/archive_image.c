// From documents in the store to an image that can run.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/path.h"
#include "core/image/archive_private.h"
#include "core/store/state.h"

enum { FEED_SIZE = 256 << 10 };

json_t *archive_document_put(const archive_options *options, const json_t *document, const char *media_type,
                             holm_error **error) {
    char digest[DIGEST_SIZE];
    cleanup_free char *text = json_dumps(document, JSON_COMPACT);
    if (!text) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for a document");
        return NULL;
    }
    if (blob_put(options->blobs, text, strlen(text), digest, error) < 0)
        return NULL;
    return json_pack("{s:s, s:s, s:I}", "mediaType", media_type, "digest", digest, "size",
                     (json_int_t)strlen(text));
}

json_t *archive_document_read(const archive_options *options, const char *digest, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    json_error_t where;
    if (blob_read(options->blobs, digest, MANIFEST_CONFIG_SIZE_MAX, &text, error) < 0)
        return NULL;
    json_t *document = json_loadb(buffer_text(&text), text.length, JSON_REJECT_DUPLICATES, &where);
    if (!document)
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a document of the archive is no JSON: %s", where.text);
    return document;
}

// ---- layers ----

typedef struct image_parts {
    const archive_options *options;
    manifest image;
    manifest_config config;
    manifest_layer_result layers[MANIFEST_LAYERS_MAX];
    char *files[MANIFEST_LAYERS_MAX]; ///< names in DATA/layers
    char *paths[MANIFEST_LAYERS_MAX];
    size_t count;
} image_parts;

static void image_parts_finish(image_parts *self) {
    for (size_t i = 0; i < MANIFEST_LAYERS_MAX; i++) {
        free(self->files[i]);
        free(self->paths[i]);
    }
    manifest_finish(&self->image);
    manifest_config_finish(&self->config);
}

static bool layer_is_here(image_parts *self, const char *id) {
    struct stat status;
    cleanup_free char *path = archive_layer_path(self->options, id);
    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode) || !status.st_size)
        return false;
    size_t i = self->count++;
    self->paths[i] = steal_pointer(&path);
    self->files[i] = path_format("%s.ext4", digest_hex(id));
    self->layers[i] =
        (manifest_layer_result){.file = self->files[i], .unpacked_bytes = (uint64_t)status.st_blocks * 512};
    return true;
}

static int layer_feed(const archive_options *options, layer_writer *writer, const char *digest,
                      holm_error **error) {
    cleanup_close int fd = blob_open(options->blobs, digest, error);
    cleanup_free uint8_t *piece = malloc(FEED_SIZE);
    ssize_t length;
    if (fd < 0 || !piece)
        return -1;
    while ((length = read(fd, piece, FEED_SIZE)) > 0)
        if (archive_is_cancelled(options, error) ||
            layer_writer_push(writer, piece, (size_t)length, error) < 0)
            return -1;
    if (length < 0)
        holm_error_set_errno(error, errno, "read the blob %s", digest);
    return length < 0 ? -1 : 0;
}

/// Unpacks a layer whose image is not here: its blob was here before, or it needs the layers below it.
static int layer_unpack(image_parts *self, size_t index, const char *chain, holm_error **error) {
    const manifest_descriptor *layer = &self->image.layers[index];
    cleanup_free char *folder = path_join(self->options->data_directory, "layers", NULL);
    cleanup_free char *temporary = path_format("%s/.archive-%d-%p", folder, getpid(), (void *)self);
    layer_writer_options options = {.path = temporary,
                                    .blob_digest = layer->digest,
                                    .blob_size = layer->size,
                                    .diff_id = self->config.diff_ids[index]};
    layer_result result;
    if (path_make_directories(folder, error) < 0)
        return -1;
    cleanup_layer_writer layer_writer *writer = layer_writer_create(&options, error);
    if (!writer || layer_feed(self->options, writer, layer->digest, error) < 0 ||
        layer_writer_finish(writer, &result, error) < 0)
        return -1;
    const char *id = result.complete ? self->config.diff_ids[index] : chain;
    if (!result.complete &&
        layer_writer_complete(writer, (const char *const *)self->paths, self->count, &result, error) < 0)
        return -1;
    if (archive_layer_name(self->options, temporary, id, error) < 0)
        return -1;
    if (layer_is_here(self, id))
        return 0;
    holm_error_set(error, HOLM_ERROR_INTERNAL, "the layer %s has gone", id);
    return -1;
}

/// packed: a layer that is not unpacked may stay so.
static int layers_ensure(image_parts *self, bool packed, holm_error **error) {
    char chain[DIGEST_SIZE], text[2 * DIGEST_SIZE];
    for (size_t i = 0; i < self->image.layer_count; i++) {
        const char *diff_id = self->config.diff_ids[i];
        // OCI image specification, config.md "Layer ChainID".
        if (i) {
            snprintf(text, sizeof text, "%s %s", chain, diff_id);
            digest_of(text, strlen(text), chain);
        } else {
            memcpy(chain, diff_id, sizeof chain);
        }
        if (layer_is_here(self, diff_id) || layer_is_here(self, chain))
            continue;
        if (packed && blob_exists(self->options->blobs, self->image.layers[i].digest, NULL)) {
            self->count++; // without a file
            continue;
        }
        if (layer_unpack(self, i, chain, error) < 0) {
            holm_error_wrap(error, "layer %zu", i + 1);
            return -1;
        }
    }
    return 0;
}

// ---- the image ----

static int parts_read(image_parts *self, const char *digest, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT, config = BUFFER_INIT;
    if (blob_read(self->options->blobs, digest, MANIFEST_SIZE_MAX, &text, error) < 0 ||
        manifest_parse(text.data, text.length, NULL, &self->image, error) < 0)
        return -1;
    if (self->image.index) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the manifest is an index");
        return -1;
    }
    if (blob_read(self->options->blobs, self->image.config.digest, MANIFEST_CONFIG_SIZE_MAX, &config, error) <
            0 ||
        manifest_config_parse(config.data, config.length, &self->config, error) < 0)
        return -1;
    if (self->config.diff_id_count != self->image.layer_count ||
        self->image.layer_count > MANIFEST_LAYERS_MAX) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the image has %zu layers, and %zu in its configuration",
                       self->image.layer_count, self->config.diff_id_count);
        return -1;
    }
    return 0;
}

static json_t *parts_document(const image_parts *self, const char *digest) {
    return manifest_document(digest, &self->image, &self->config, self->image.config.digest, self->layers);
}

json_t *archive_image_document(const archive_options *options, const char *digest, bool packed,
                               holm_error **error) {
    cleanup(image_parts_finish) image_parts parts = {.options = options};
    if (parts_read(&parts, digest, error) < 0 || layers_ensure(&parts, packed, error) < 0)
        return NULL;
    return parts_document(&parts, digest);
}

/// One transaction with its event; index (may be NULL) is what the name stands for, else the first image.
static int images_store(const archive_options *options, const json_t *index, const json_t *images,
                        const char *reference, const char *action, holm_error **error) {
    const json_t *first = json_array_get(images, 0);
    const char *id = json_string_value(json_object_get(first, "id"));
    cleanup_state state *database = state_open(options->data_directory, error);
    if (!database || state_begin(database, error) < 0)
        return -1;
    bool put = (index ? state_index_put(database, reference, index, images, error)
                      : state_image_put(database, reference, first, error)) == 0 &&
               state_event_add(database, "image", action, id, reference ? reference : "", NULL, error) == 0;
    if (state_end(database, put, put ? error : NULL) < 0 || !put)
        return -1;
    return state_image_index_write(database, options->data_directory, error);
}

int archive_images_install(const archive_options *options, const json_t *index, const json_t *images,
                           const char *reference, const char *action, archive_result *out,
                           holm_error **error) {
    const json_t *named = index ? index : json_array_get(images, 0);
    const char *digest = json_string_value(json_object_get(named, "id"));
    if (images_store(options, index, images, reference, action, error) < 0)
        return -1;
    char **references = reallocarray(out->references, out->reference_count + 1, sizeof *references);
    if (!references || !(references[out->reference_count] = strdup(reference ? reference : digest))) {
        out->references = references ? references : out->references;
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for a name");
        return -1;
    }
    out->references = references;
    out->reference_count++;
    snprintf(out->digest, sizeof out->digest, "%s", digest);
    return 0;
}

int archive_image_install(const archive_options *options, const char *digest, const char *reference,
                          const char *action, archive_result *out, holm_error **error) {
    json_t *document = archive_image_document(options, digest, false, error);
    if (!document)
        return -1;
    cleanup_archive_json json_t *images = json_pack("[o]", document);
    return archive_images_install(options, NULL, images, reference, action, out, error);
}

int archive_image_unpack(const archive_options *options, const char *id, holm_error **error) {
    cleanup_close int hold = blob_store_hold(options->blobs, error);
    if (hold < 0)
        return -1;
    if (!digest_is_valid(id)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no image %s", id);
        return -1;
    }
    cleanup_archive_json json_t *document = archive_image_document(options, id, false, error);
    if (!document) {
        holm_error_wrap(error, "unpack %.19s", id);
        return -1;
    }
    cleanup_archive_json json_t *images = json_pack("[O]", document);
    return images_store(options, NULL, images, NULL, "unpack", error);
}
