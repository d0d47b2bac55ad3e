// One more layer on an image: its manifest and configuration with what the layer adds.
#include <string.h>

#include "core/image/archive_private.h"

/// The descriptors of the layers below; media types of Docker become those of OCI, as the manifest is one.
static json_t *layers_below(const manifest *base, holm_error **error) {
    static const layer_compression compressions[] = {
        [MANIFEST_COMPRESSION_NONE] = LAYER_COMPRESSION_NONE,
        [MANIFEST_COMPRESSION_GZIP] = LAYER_COMPRESSION_GZIP,
        [MANIFEST_COMPRESSION_ZSTD] = LAYER_COMPRESSION_ZSTD,
    };
    cleanup_archive_json json_t *layers = json_array();
    if (base->layer_count >= MANIFEST_LAYERS_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the image has %d layers already", MANIFEST_LAYERS_MAX);
        return NULL;
    }
    for (size_t i = 0; i < base->layer_count; i++) {
        manifest_compression kind;
        if (manifest_layer_compression(base->layers[i].media_type, &kind, error) < 0)
            return NULL;
        json_array_append_new(
            layers, json_pack("{s:s, s:s, s:I}", "mediaType", archive_layer_type(compressions[kind]),
                              "digest", base->layers[i].digest, "size", (json_int_t)base->layers[i].size));
    }
    return steal_pointer(&layers);
}

/// A member that is not of the type it should have is made anew.
static json_t *member_of(json_t *document, const char *key, bool array) {
    json_t *value = json_object_get(document, key);
    if (array ? !json_is_array(value) : !json_is_object(value)) {
        value = array ? json_array() : json_object();
        json_object_set_new(document, key, value);
    }
    return value;
}

static int config_extend(json_t *document, const archive_file *layer, const archive_commit_options *commit,
                         holm_error **error) {
    char now[32];
    archive_time_now(now);
    json_t *config = member_of(document, "config", false);
    for (size_t i = 0; i < commit->change_count; i++)
        if (archive_change_apply(config, commit->changes[i], error) < 0)
            return -1;
    json_t *step = json_pack("{s:s, s:s}", "created", now, "created_by", "holm commit");
    if (*commit->author) {
        json_object_set_new(step, "author", json_string(commit->author));
        json_object_set_new(document, "author", json_string(commit->author));
    }
    if (*commit->message)
        json_object_set_new(step, "comment", json_string(commit->message));
    json_object_set_new(document, "created", json_string(now));
    json_array_append_new(member_of(document, "history", true), step);
    json_array_append_new(member_of(member_of(document, "rootfs", false), "diff_ids", true),
                          json_string(layer->diff_id));
    return 0;
}

static int base_read(const archive_options *options, const char *id, manifest *base, json_t **config,
                     holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    if (blob_read(options->blobs, id, MANIFEST_SIZE_MAX, &text, error) < 0 ||
        manifest_parse(text.data, text.length, NULL, base, error) < 0)
        return -1;
    *config = archive_document_read(options, base->config.digest, error);
    return *config ? 0 : -1;
}

int archive_commit(const archive_options *options, int fd, const char *reference,
                   const archive_commit_options *commit, archive_result *out, holm_error **error) {
    cleanup_manifest manifest base = {0};
    cleanup_archive_json json_t *config = NULL;
    archive_file layer = {0};
    cleanup_close int hold = blob_store_hold(options->blobs, error);
    if (!digest_is_valid(commit->base)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a commit needs the id of an image");
        return -1;
    }
    if (hold < 0 || base_read(options, commit->base, &base, &config, error) < 0)
        return -1;
    cleanup_archive_json json_t *layers = layers_below(&base, error);
    if (!layers || archive_layer_take(options, fd, &layer, error) < 0 ||
        config_extend(config, &layer, commit, error) < 0)
        return -1;
    json_array_append_new(layers,
                          json_pack("{s:s, s:s, s:I}", "mediaType", archive_layer_type(layer.compression),
                                    "digest", layer.digest, "size", (json_int_t)layer.size));
    cleanup_archive_json json_t *described =
        archive_document_put(options, config, "application/vnd.oci.image.config.v1+json", error);
    if (!described)
        return -1;
    cleanup_archive_json json_t *document =
        json_pack("{s:i, s:s, s:O, s:O}", "schemaVersion", 2, "mediaType", MANIFEST_TYPE_OCI, "config",
                  described, "layers", layers);
    cleanup_archive_json json_t *descriptor =
        archive_document_put(options, document, MANIFEST_TYPE_OCI, error);
    if (!descriptor)
        return -1;
    return archive_image_install(options, json_string_value(json_object_get(descriptor, "digest")), reference,
                                 "commit", out, error);
}
