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

static int layout_install_one(const archive_options *options, const char *digest, const char *name,
                              archive_result *out, holm_error **error) {
    char resolved[DIGEST_SIZE];
    if (digest_check(digest, error) < 0)
        return -1;
    memcpy(resolved, digest, sizeof resolved);
    if (layout_resolve(options, resolved, error) < 0)
        return -1;
    return archive_image_install(options, resolved, name, "load", out, error);
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
