// The manifest.json of a docker-archive: [{"Config": file, "RepoTags": […], "Layers": [file, …]}]. It becomes
// an OCI manifest over the same configuration and layers.
#include <string.h>

#include "core/image/archive_private.h"
#include "core/image/reference.h"

static const archive_file *docker_file(const archive_bag *bag, const json_t *name, holm_error **error) {
    const archive_file *file = json_is_string(name) ? archive_bag_find(bag, json_string_value(name)) : NULL;
    if (!file)
        holm_error_set(error, HOLM_ERROR_INTEGRITY,
                       "the archive's manifest.json names %s, which is not there",
                       json_is_string(name) ? json_string_value(name) : "no file");
    return file;
}

const char *archive_layer_type(layer_compression compression) {
    switch (compression) {
    case LAYER_COMPRESSION_GZIP:
        return "application/vnd.oci.image.layer.v1.tar+gzip";
    case LAYER_COMPRESSION_ZSTD:
        return "application/vnd.oci.image.layer.v1.tar+zstd";
    default:
        return "application/vnd.oci.image.layer.v1.tar";
    }
}

static json_t *docker_layers(const archive_bag *bag, const json_t *names, holm_error **error) {
    cleanup_archive_json json_t *layers = json_array();
    size_t i;
    json_t *name;
    if (json_array_size(names) > MANIFEST_LAYERS_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the image has more than %d layers", MANIFEST_LAYERS_MAX);
        return NULL;
    }
    json_array_foreach (names, i, name) {
        const archive_file *file = docker_file(bag, name, error);
        if (!file)
            return NULL;
        json_array_append_new(layers,
                              json_pack("{s:s, s:s, s:I}", "mediaType", archive_layer_type(file->compression),
                                        "digest", file->digest, "size", (json_int_t)file->size));
    }
    return steal_pointer(&layers);
}

static int docker_install_names(const archive_bag *bag, const json_t *image, const char *digest,
                                const char *reference, archive_result *out, holm_error **error) {
    const json_t *tags = json_object_get(image, "RepoTags");
    size_t i;
    json_t *tag;
    if (reference || !json_array_size(tags))
        return archive_image_install(bag->options, digest, reference, "load", out, error);
    if (json_array_size(tags) > ARCHIVE_IMAGES_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "an image of the archive has too many names");
        return -1;
    }
    json_array_foreach (tags, i, tag) {
        cleanup_image_reference image_reference name = {0};
        if (!json_is_string(tag) || image_reference_parse(json_string_value(tag), NULL, &name, error) < 0) {
            if (!json_is_string(tag))
                holm_error_set(error, HOLM_ERROR_INTEGRITY, "a name in the archive is no text");
            return -1;
        }
        cleanup_free char *canonical = image_reference_canonical(&name);
        if (archive_image_install(bag->options, digest, canonical, "load", out, error) < 0)
            return -1;
    }
    return 0;
}

static int docker_install_one(const archive_bag *bag, const json_t *image, const char *reference,
                              archive_result *out, holm_error **error) {
    const archive_file *config = docker_file(bag, json_object_get(image, "Config"), error);
    cleanup_archive_json json_t *layers =
        config ? docker_layers(bag, json_object_get(image, "Layers"), error) : NULL;
    if (!layers)
        return -1;
    cleanup_archive_json json_t *document =
        json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:O}", "schemaVersion", 2, "mediaType", MANIFEST_TYPE_OCI,
                  "config", "mediaType", "application/vnd.oci.image.config.v1+json", "digest", config->digest,
                  "size", (json_int_t)config->size, "layers", layers);
    cleanup_archive_json json_t *descriptor =
        archive_document_put(bag->options, document, MANIFEST_TYPE_OCI, error);
    if (!descriptor)
        return -1;
    return docker_install_names(bag, image, json_string_value(json_object_get(descriptor, "digest")),
                                reference, out, error);
}

int archive_docker_install(const archive_bag *bag, const char *reference, archive_result *out,
                           holm_error **error) {
    const archive_file *file = archive_bag_find(bag, "manifest.json");
    cleanup_archive_json json_t *images = archive_document_read(bag->options, file->digest, error);
    size_t i, count = json_array_size(images);
    json_t *image;
    if (!images)
        return -1;
    if (!count || count > ARCHIVE_IMAGES_MOST || (reference && count > 1)) {
        holm_error_set(error, reference && count > 1 ? HOLM_ERROR_INVALID : HOLM_ERROR_INTEGRITY,
                       "the archive has %zu images", count);
        return -1;
    }
    json_array_foreach (images, i, image) {
        if (docker_install_one(bag, image, reference, out, error) < 0) {
            holm_error_wrap(error, "image %zu of the archive", i + 1);
            return -1;
        }
    }
    return 0;
}
