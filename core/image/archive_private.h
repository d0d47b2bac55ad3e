// Between the files of archives.
#pragma once

#include <jansson.h>

#include "core/base/cleanup.h"
#include "core/image/archive.h"
#include "core/image/content.h"
#include "core/image/layer.h"
#include "core/image/manifest.h"

static inline void archive_json_cleanup(json_t **json) {
    json_decref(*json);
}
#define cleanup_archive_json cleanup(archive_json_cleanup)

enum {
    ARCHIVE_FILES_MOST = 100000,
    ARCHIVE_NAME_MOST = 4096,
    ARCHIVE_IMAGES_MOST = 1000,
};

/// A file of the archive, by now a blob of the store.
typedef struct archive_file {
    char *name; ///< without "./" in front
    char *link; ///< it is only another name for this one
    char digest[DIGEST_SIZE];
    uint64_t size;
    layer_compression compression;
    char diff_id[DIGEST_SIZE]; ///< "" when it is no layer
} archive_file;

/// All files of an archive.
typedef struct archive_bag {
    const archive_options *options;
    archive_file *files;
    size_t count, capacity;
} archive_bag;

void archive_bag_finish(archive_bag *self);
#define cleanup_archive_bag cleanup(archive_bag_finish)
/// Whether it was asked to stop; then the error is set.
bool archive_is_cancelled(const archive_options *options, holm_error **error);
/// Notes a file; the name is copied.
archive_file *archive_bag_add(archive_bag *self, const char *name, holm_error **error);
/// By name, links followed. NULL when there is none.
const archive_file *archive_bag_find(const archive_bag *self, const char *name);
/// Sorts by name, so that files can be found. Of several with one name the last one counts.
void archive_bag_sort(archive_bag *self);

/// Bytes on their way into the store and, if they are a layer, into an image of it.
typedef struct archive_intake archive_intake;
archive_intake *archive_intake_create(const archive_options *options, holm_error **error);
int archive_intake_write(archive_intake *self, const void *data, size_t length, holm_error **error);
/// Fills in digest, size, compression and diff_id. `strict`: it has to be a layer, or it fails.
int archive_intake_commit(archive_intake *self, bool strict, archive_file *file, holm_error **error);
void archive_intake_destroy(archive_intake *self);
CLEANUP_DEFINE(archive_intake, archive_intake_cleanup, archive_intake_destroy)

/// The image file of a layer, DATA/layers/<hex>.ext4. The caller frees it.
char *archive_layer_path(const archive_options *options, const char *id);
/// Gives a finished image its name, for good; on failure it is gone.
int archive_layer_name(const archive_options *options, const char *temporary, const char *id,
                       holm_error **error);

/// The document of an image whose manifest is in the store; its layers are unpacked where they are not yet,
/// or (packed) stay as they are. The caller owns it.
json_t *archive_image_document(const archive_options *options, const char *digest, bool packed,
                               holm_error **error);
/// Makes images known to state.db: those of an index (as for state_index_put), or (NULL) a single one.
int archive_images_install(const archive_options *options, const json_t *index, const json_t *images,
                           const char *reference, const char *action, archive_result *out,
                           holm_error **error);
/// Makes an image of a manifest known to state.db under this name (NULL: none), its layers unpacked where
/// they are not yet. Adds the name to the result. `action` is the event's.
int archive_image_install(const archive_options *options, const char *digest, const char *reference,
                          const char *action, archive_result *out, holm_error **error);

/// A document with a media type of its own, stored as compact JSON. `out` is its descriptor; the caller owns
/// it.
json_t *archive_document_put(const archive_options *options, const json_t *document, const char *media_type,
                             holm_error **error);
/// Reads a small JSON file of the store.
json_t *archive_document_read(const archive_options *options, const char *digest, holm_error **error);

/// Turns the manifest.json of a docker-archive into images.
int archive_docker_install(const archive_bag *bag, const char *reference, archive_result *out,
                           holm_error **error);
/// Turns the index.json of an image layout into images.
int archive_layout_install(const archive_bag *bag, const char *reference, archive_result *out,
                           holm_error **error);
/// Installs what the bag holds, whichever kind it is.
int archive_bag_install(archive_bag *bag, const char *reference, archive_result *out, holm_error **error);

/// Reads a layer (a tar in any compression) into the store.
int archive_layer_take(const archive_options *options, int fd, archive_file *layer, holm_error **error);
/// The OCI media type of a layer.
const char *archive_layer_type(layer_compression compression);
/// "2026-01-31T12:00:00Z".
void archive_time_now(char out[static 32]);

/// Applies one line of a Dockerfile to the "config" object of an image's configuration. INVALID with a
/// sentence.
int archive_change_apply(json_t *config, const char *line, holm_error **error);
