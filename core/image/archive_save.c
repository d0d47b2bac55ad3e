// Images into a tar: an OCI image layout, and for Docker a manifest.json beside it that names the same blobs.
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "core/image/archive_private.h"
#include "core/image/reference.h"
#include "core/store/state.h"

enum { COPY_SIZE = 256 << 10 };

typedef struct archive_saver {
    const archive_options *options;
    struct archive *out;
    json_t *written; ///< digests that are in it: {digest: true}
    json_t *index;   ///< the manifests array of index.json
    json_t *docker;  ///< manifest.json
    bool all;        ///< indexes whole
    uint64_t done, total;
} archive_saver;

static void archive_saver_finish(archive_saver *self) {
    archive_write_free(self->out);
    json_decref(self->written);
    json_decref(self->index);
    json_decref(self->docker);
}

static int saver_fail(archive_saver *self, holm_error **error) {
    int number = archive_errno(self->out);
    holm_error_set_errno(error, number > 0 ? number : EIO, "write the archive");
    return -1;
}

static int saver_begin_file(archive_saver *self, const char *name, uint64_t size, holm_error **error) {
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_mtime(entry, 0, 0); // the same image makes the same archive
    int code = archive_write_header(self->out, entry);
    archive_entry_free(entry);
    return code == ARCHIVE_OK ? 0 : saver_fail(self, error);
}

static int saver_add_bytes(archive_saver *self, const char *name, const void *bytes, size_t length,
                           holm_error **error) {
    if (saver_begin_file(self, name, length, error) < 0)
        return -1;
    return archive_write_data(self->out, bytes, length) == (la_ssize_t)length ? 0 : saver_fail(self, error);
}

static int saver_copy(archive_saver *self, int fd, uint64_t size, holm_error **error) {
    cleanup_free uint8_t *piece = malloc(COPY_SIZE);
    for (uint64_t left = size; left;) {
        ssize_t length = piece ? read(fd, piece, left < COPY_SIZE ? (size_t)left : COPY_SIZE) : -1;
        if (length <= 0) {
            holm_error_set_errno(error, length < 0 ? errno : EIO, "read a blob");
            return -1;
        }
        if (archive_is_cancelled(self->options, error))
            return -1;
        if (archive_write_data(self->out, piece, (size_t)length) != length)
            return saver_fail(self, error);
        left -= (uint64_t)length;
        self->done += (uint64_t)length;
        if (self->options->progress)
            self->options->progress(self->options->data, "storing", self->done, self->total);
    }
    return 0;
}

static char *blob_name(const char *digest) {
    char *name = NULL;
    if (asprintf(&name, "blobs/sha256/%s", digest_hex(digest)) < 0)
        abort();
    return name;
}

static int saver_add_blob(archive_saver *self, const char *digest, holm_error **error) {
    uint64_t size;
    if (json_object_get(self->written, digest))
        return 0;
    cleanup_close int fd = blob_open(self->options->blobs, digest, error);
    if (fd < 0 || !blob_exists(self->options->blobs, digest, &size)) {
        holm_error_hint(error, "pull the image again: a part of it is not here");
        return -1;
    }
    cleanup_free char *name = blob_name(digest);
    if (saver_begin_file(self, name, size, error) < 0 || saver_copy(self, fd, size, error) < 0)
        return -1;
    return json_object_set_new(self->written, digest, json_true());
}

static int saver_add_json(archive_saver *self, const char *name, const json_t *document, holm_error **error) {
    cleanup_free char *text = json_dumps(document, JSON_COMPACT);
    return saver_add_bytes(self, name, text, strlen(text), error);
}

// ---- images ----

static void index_add(archive_saver *self, const char *digest, const char *media_type, uint64_t size,
                      const char *reference) {
    json_t *entry =
        json_pack("{s:s, s:s, s:I}", "mediaType", media_type, "digest", digest, "size", (json_int_t)size);
    if (reference)
        json_object_set_new(entry, "annotations",
                            json_pack("{s:s, s:s}", "io.containerd.image.name", reference,
                                      "org.opencontainers.image.ref.name", reference));
    json_array_append_new(self->index, entry);
}

/// Several names of one image are one entry.
static void docker_add(archive_saver *self, const manifest *image, const char *reference) {
    cleanup_free char *config = blob_name(image->config.digest);
    size_t i;
    json_t *entry, *found = NULL;
    json_array_foreach (self->docker, i, entry)
        if (strcmp(json_string_value(json_object_get(entry, "Config")), config) == 0)
            found = entry;
    if (!found) {
        json_t *layers = json_array();
        for (size_t at = 0; at < image->layer_count; at++) {
            cleanup_free char *layer = blob_name(image->layers[at].digest);
            json_array_append_new(layers, json_string(layer));
        }
        found = json_pack("{s:s, s:[], s:o}", "Config", config, "RepoTags", "Layers", layers);
        json_array_append_new(self->docker, found);
    }
    cleanup_image_reference image_reference name = {0};
    if (!reference || image_reference_parse(reference, NULL, &name, NULL) < 0)
        return;
    cleanup_free char *familiar = image_reference_familiar(&name);
    json_array_append_new(json_object_get(found, "RepoTags"), json_string(familiar));
}

/// listed: in index.json too.
static int saver_add_image(archive_saver *self, const char *digest, const char *reference, bool listed,
                           holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    cleanup_manifest manifest image = {0};
    if (blob_read(self->options->blobs, digest, MANIFEST_SIZE_MAX, &text, error) < 0 ||
        manifest_parse(text.data, text.length, NULL, &image, error) < 0)
        return -1;
    if (image.index) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the manifest is an index");
        return -1;
    }
    if (saver_add_blob(self, digest, error) < 0 || saver_add_blob(self, image.config.digest, error) < 0)
        return -1;
    for (size_t i = 0; i < image.layer_count; i++) {
        self->total += image.layers[i].size;
        if (saver_add_blob(self, image.layers[i].digest, error) < 0)
            return -1;
    }
    if (listed)
        index_add(self, digest, image.media_type, text.length, reference);
    docker_add(self, &image, reference);
    return 0;
}

/// The index with what is here of it. manifest.json knows nothing of indexes: there it is the one image.
static int saver_add_index(archive_saver *self, const char *digest, const char *image, const char *reference,
                           holm_error **error) {
    cleanup_content content all = {0};
    if (content_gather(self->options->blobs, digest, &all, error) < 0)
        return -1;
    for (size_t i = 0; i < all.count; i++)
        self->total += all.parts[i].size;
    for (size_t i = 0; i < all.count; i++)
        if (saver_add_blob(self, all.parts[i].digest, error) < 0)
            return -1;
    const content_part *whole = &all.parts[all.count - 1];
    index_add(self, digest, whole->media_type, whole->size, reference);
    return saver_add_image(self, image, reference, false, error);
}

/// The digest of the index that the name or the digest stands for; NULL: it is none. The caller frees it.
static char *index_of(state *database, const char *reference, const json_t *images) {
    char *target = strncmp(reference, "sha256:", 7) == 0 ? strdup(reference)
                                                         : state_reference_target(database, reference, NULL);
    size_t i;
    json_t *image;
    json_array_foreach (images, i, image)
        if (target && strcmp(json_string_value(json_object_get(image, "id")), target) == 0)
            free(steal_pointer(&target));
    return target;
}

static int saver_find_image(archive_saver *self, state *database, const char *reference, holm_error **error) {
    cleanup_archive_json json_t *images = state_image_find(database, reference, error);
    const json_t *document =
        images ? manifest_document_choose(images, self->options->platform, reference, error) : NULL;
    const char *id = json_string_value(json_object_get(document, "id"));
    if (!document)
        return -1;
    // A name goes into the archive; a digest or a piece of one is none.
    const json_t *names = json_object_get(json_object_get(document, "configuration"), "references");
    const char *name = NULL;
    size_t i;
    json_t *known;
    json_array_foreach (names, i, known)
        if (strcmp(json_string_value(known), reference) == 0)
            name = reference;
    cleanup_free char *index = self->all ? index_of(database, reference, images) : NULL;
    return index ? saver_add_index(self, index, id, name, error)
                 : saver_add_image(self, id, name, true, error);
}

static int saver_run(archive_saver *self, const char *const *references, size_t count, bool docker,
                     holm_error **error) {
    static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    cleanup_state state *database = state_open(self->options->data_directory, error);
    if (!database || saver_add_bytes(self, "oci-layout", layout, strlen(layout), error) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (saver_find_image(self, database, references[i], error) < 0) {
            holm_error_wrap(error, "save %s", references[i]);
            return -1;
        }
    cleanup_archive_json json_t *index = json_pack("{s:i, s:s, s:O}", "schemaVersion", 2, "mediaType",
                                                   MANIFEST_TYPE_OCI_INDEX, "manifests", self->index);
    if (saver_add_json(self, "index.json", index, error) < 0 ||
        (docker && saver_add_json(self, "manifest.json", self->docker, error) < 0))
        return -1;
    return archive_write_close(self->out) == ARCHIVE_OK ? 0 : saver_fail(self, error);
}

static int saver_choose_filter(const char *compress, int (**filter)(struct archive *), holm_error **error) {
    if (!compress || !*compress)
        return 0;
    *filter = strcmp(compress, "zstd") == 0   ? archive_write_add_filter_zstd
              : strcmp(compress, "gzip") == 0 ? archive_write_add_filter_gzip
                                              : NULL;
    if (*filter)
        return 0;
    holm_error_set(error, HOLM_ERROR_INVALID, "there is no compression \"%s\": it is gzip or zstd", compress);
    return -1;
}

int archive_save(const archive_options *options, const char *const *references, size_t count,
                 const archive_save_options *how, int fd, holm_error **error) {
    const char *format = how->format;
    bool docker = format && strcmp(format, "docker-archive") == 0;
    if (format && *format && !docker && strcmp(format, "oci-archive") != 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no archive format \"%s\"", format);
        holm_error_hint(error, "oci-archive or docker-archive");
        return -1;
    }
    int (*filter)(struct archive *) = NULL;
    if (saver_choose_filter(how->compress, &filter, error) < 0)
        return -1;
    if (!count) {
        holm_error_set(error, HOLM_ERROR_INVALID, "no image to save");
        return -1;
    }
    cleanup(archive_saver_finish) archive_saver self = {.options = options,
                                                        .all = how->all_platforms,
                                                        .out = archive_write_new(),
                                                        .written = json_object(),
                                                        .index = json_array(),
                                                        .docker = json_array()};
    cleanup_close int hold = blob_store_hold(options->blobs, error);
    if (hold < 0)
        return -1;
    if (!self.out || archive_write_set_format_pax_restricted(self.out) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(self.out, 1) != ARCHIVE_OK ||
        (filter && filter(self.out) != ARCHIVE_OK) || archive_write_open_fd(self.out, fd) != ARCHIVE_OK) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "begin the archive");
        return -1;
    }
    return saver_run(&self, references, count, docker, error);
}
