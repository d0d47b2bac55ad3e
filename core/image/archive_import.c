// A tar of a root file system becomes an image of one layer.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/image/archive_private.h"

enum { INPUT_SIZE = 256 << 10, CHANGES_MOST = 1000 };

int archive_layer_take(const archive_options *options, int fd, archive_file *layer, holm_error **error) {
    cleanup(archive_intake_cleanup) archive_intake *intake = archive_intake_create(options, error);
    cleanup_free uint8_t *piece = malloc(INPUT_SIZE);
    struct stat status;
    uint64_t done = 0,
             total = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    ssize_t length;
    if (!intake || !piece)
        return -1;
    while ((length = read(fd, piece, INPUT_SIZE)) != 0) {
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0) {
            holm_error_set_errno(error, errno, "read the tar");
            return -1;
        }
        if (archive_is_cancelled(options, error) ||
            archive_intake_write(intake, piece, (size_t)length, error) < 0)
            return -1;
        done += (uint64_t)length;
        if (options->progress)
            options->progress(options->data, "unpacking", done, total);
    }
    return archive_intake_commit(intake, true, layer, error);
}

void archive_time_now(char out[static 32]) {
    time_t seconds = time(NULL);
    struct tm parts;
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
}

static json_t *import_config(const archive_options *options, const archive_file *layer, json_t *config,
                             holm_error **error) {
    cleanup_manifest_platform manifest_platform platform = {0};
    char now[32];
    if (manifest_platform_parse(options->platform, &platform, error) < 0)
        return NULL;
    archive_time_now(now);
    cleanup_archive_json json_t *document =
        json_pack("{s:s, s:s, s:s, s:O, s:{s:s, s:[s]}, s:[{s:s, s:s}]}", "created", now, "architecture",
                  platform.architecture, "os", platform.os, "config", config, "rootfs", "type", "layers",
                  "diff_ids", layer->diff_id, "history", "created", now, "comment", "imported by holm");
    if (document && platform.variant && *platform.variant)
        json_object_set_new(document, "variant", json_string(platform.variant));
    return archive_document_put(options, document, "application/vnd.oci.image.config.v1+json", error);
}

static json_t *import_changes(const char *const *changes, size_t count, holm_error **error) {
    cleanup_archive_json json_t *config = json_object();
    if (count > CHANGES_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "more than %d changes", CHANGES_MOST);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (archive_change_apply(config, changes[i], error) < 0)
            return NULL;
    return steal_pointer(&config);
}

int archive_import(const archive_options *options, int fd, const char *reference, const char *const *changes,
                   size_t change_count, archive_result *out, holm_error **error) {
    // What is wrong with the request shows before the work begins.
    cleanup_archive_json json_t *config = import_changes(changes, change_count, error);
    archive_file layer = {0};
    cleanup_close int hold = config ? blob_store_hold(options->blobs, error) : -1;
    if (hold < 0 || archive_layer_take(options, fd, &layer, error) < 0)
        return -1;
    cleanup_archive_json json_t *config_descriptor = import_config(options, &layer, config, error);
    if (!config_descriptor)
        return -1;
    cleanup_archive_json json_t *document =
        json_pack("{s:i, s:s, s:O, s:[{s:s, s:s, s:I}]}", "schemaVersion", 2, "mediaType", MANIFEST_TYPE_OCI,
                  "config", config_descriptor, "layers", "mediaType", archive_layer_type(layer.compression),
                  "digest", layer.digest, "size", (json_int_t)layer.size);
    cleanup_archive_json json_t *descriptor =
        archive_document_put(options, document, MANIFEST_TYPE_OCI, error);
    if (!descriptor)
        return -1;
    return archive_image_install(options, json_string_value(json_object_get(descriptor, "digest")), reference,
                                 "import", out, error);
}
