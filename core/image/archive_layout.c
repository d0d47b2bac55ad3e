// The index.json of an image layout.
#include <string.h>

#include "core/image/archive_private.h"
#include "core/image/reference.h"

/// The name in an entry's annotations, canonical; NULL when there is none that could be one. A lone tag, as
/// "latest", is no name.
static char *entry_name(const json_t *entry) {
    const json_t *annotations = json_object_get(entry, "annotations");
    const char *names[] = {
        json_string_value(json_object_get(annotations, "io.containerd.image.name")),
        json_string_value(json_object_get(annotations, "org.opencontainers.image.ref.name"))};
    for (size_t i = 0; i < array_length(names); i++) {
        cleanup_image_reference image_reference reference = {0};
        if (names[i] && (i == 0 || strpbrk(names[i], "/:")) &&
            image_reference_parse(names[i], NULL, &reference, NULL) == 0)
            return image_reference_canonical(&reference);
    }
    return NULL;
}

static int digest_check(const char *digest, holm_error **error) {
    if (digest && digest_is_valid(digest))
        return 0;
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "the archive's index names something without a valid digest");
    return -1;
}

/// Follows indexes down to the manifest for the platform.
static int layout_resolve(const archive_options *options, char digest[DIGEST_SIZE], holm_error **error) {
    for (int depth = 0; depth <= MANIFEST_INDEX_DEPTH_MAX; depth++) {
        cleanup_buffer buffer text = BUFFER_INIT;
        cleanup_manifest manifest it = {0};
        if (blob_read(options->blobs, digest, MANIFEST_SIZE_MAX, &text, error) < 0 ||
            manifest_parse(text.data, text.length, NULL, &it, error) < 0)
            return -1;
        if (!it.index)
            return 0;
        cleanup_manifest_platform manifest_platform platform = {0};
        if (manifest_platform_parse(options->platform, &platform, error) < 0)
            return -1;
        const manifest_index_entry *entry = manifest_index_choose(&it, &platform, error);
        if (!entry)
            return -1;
        memcpy(digest, entry->descriptor.digest, DIGEST_SIZE);
    }
    holm_error_set(error, HOLM_ERROR_LIMIT, "the archive's indexes name each other too deep");
    return -1;
}

static bool is_for_linux(const json_t *document) {
    const char *platform =
        json_string_value(json_object_get(json_object_get(document, "configuration"), "platform"));
    return platform && strncmp(platform, "linux/", 6) == 0;
}

/// A manifest of an index: an image, or something that is only kept.
static int index_take_part(const archive_options *options, const content_part *part, bool unpack,
                           json_t *index, json_t *images, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    cleanup_manifest manifest it = {0};
    cleanup_error holm_error *none = NULL;
    json_t *blobs = json_object_get(index, "blobs");
    if (blob_read(options->blobs, part->digest, MANIFEST_SIZE_MAX, &text, error) < 0)
        return -1;
    bool image = manifest_parse(text.data, text.length, part->media_type, &it, &none) == 0 && !it.index;
    cleanup_archive_json json_t *document =
        image ? archive_image_document(options, part->digest, !unpack, &none) : NULL;
    if (document && (unpack || is_for_linux(document))) {
        json_array_append(images, document);
        return 0;
    }
    if (unpack) {
        holm_error_propagate(error, steal_pointer(&none));
        return -1;
    }
    manifest_finish(&it);
    if (manifest_parse_contents(text.data, text.length, &it, error) < 0)
        return -1;
    json_array_append_new(blobs, json_string(part->digest));
    manifest_index_platforms(&it, json_object_get(index, "platforms"));
    if (it.config.media_type)
        json_array_append_new(blobs, json_string(it.config.digest));
    for (size_t i = 0; i < it.layer_count; i++)
        json_array_append_new(blobs, json_string(it.layers[i].digest));
    return 0;
}

/// An index with all that is in the archive of it; the image for the platform is unpacked.
static int layout_install_index(const archive_options *options, const char *digest, const char *name,
                                archive_result *out, holm_error **error) {
    cleanup_content content all = {0};
    cleanup_error holm_error *none = NULL;
    char chosen[DIGEST_SIZE];
    memcpy(chosen, digest, DIGEST_SIZE);
    if (content_gather(options->blobs, digest, &all, error) < 0)
        return -1;
    bool found = layout_resolve(options, chosen, &none) == 0 && json_object_get(all.seen, chosen);
    const content_part *whole = &all.parts[all.count - 1];
    cleanup_archive_json json_t *images = json_array();
    cleanup_archive_json json_t *index =
        json_pack("{s:s, s:s, s:I, s:b, s:[], s:[]}", "id", digest, "mediaType", whole->media_type,
                  "sizeBytes", (json_int_t)whole->size, "all", all.complete, "platforms", "blobs");
    for (size_t i = 0; i < all.count; i++)
        if (all.parts[i].document &&
            index_take_part(options, &all.parts[i], found && strcmp(all.parts[i].digest, chosen) == 0, index,
                            images, error) < 0)
            return -1;
    if (json_array_size(images) > 0)
        return archive_images_install(options, index, images, name, "load", out, error);
    if (none)
        holm_error_propagate(error, steal_pointer(&none));
    else
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "no image of the index is whole in the archive");
    return -1;
}

static int layout_install_one(const archive_options *options, const char *digest, const char *name,
                              archive_result *out, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    cleanup_manifest manifest it = {0};
    if (digest_check(digest, error) < 0 ||
        blob_read(options->blobs, digest, MANIFEST_SIZE_MAX, &text, error) < 0 ||
        manifest_parse(text.data, text.length, NULL, &it, error) < 0)
        return -1;
    return it.index ? layout_install_index(options, digest, name, out, error)
                    : archive_image_install(options, digest, name, "load", out, error);
}

static bool entries_are_platforms(const json_t *entries) {
    size_t i;
    json_t *entry;
    json_array_foreach (entries, i, entry) {
        cleanup_free char *name = entry_name(entry);
        if (name || !json_is_object(json_object_get(entry, "platform")))
            return false;
    }
    return json_array_size(entries) > 1;
}

static int entries_check(const json_t *entries, const char *reference, holm_error **error) {
    if (!json_array_size(entries) || json_array_size(entries) > ARCHIVE_IMAGES_MOST) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the archive's index.json names %zu images",
                       json_array_size(entries));
        return -1;
    }
    if (reference && json_array_size(entries) > 1) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the archive has %zu images, which cannot all be %s",
                       json_array_size(entries), reference);
        return -1;
    }
    return 0;
}

int archive_layout_install(const archive_bag *bag, const char *reference, archive_result *out,
                           holm_error **error) {
    const archive_file *file = archive_bag_find(bag, "index.json");
    cleanup_archive_json json_t *index = archive_document_read(bag->options, file->digest, error);
    if (!index)
        return -1;
    const json_t *entries = json_object_get(index, "manifests");
    // One image for several platforms, without an index of its own in between.
    if (entries_are_platforms(entries))
        return layout_install_one(bag->options, file->digest, reference, out, error);
    if (entries_check(entries, reference, error) < 0)
        return -1;
    size_t i;
    json_t *entry;
    json_array_foreach (entries, i, entry) {
        cleanup_free char *name = reference ? strdup(reference) : entry_name(entry);
        const char *digest = json_string_value(json_object_get(entry, "digest"));
        if (layout_install_one(bag->options, digest, name, out, error) < 0) {
            holm_error_wrap(error, "image %zu of the archive", i + 1);
            return -1;
        }
    }
    return 0;
}
