#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/path.h"
#include "core/image/archive_private.h"

enum { HEAD_MOST = 512 };

struct archive_intake {
    const archive_options *options;
    blob_intake *blob;
    layer_writer *layer; ///< NULL: it is none, or no good
    holm_error *problem; ///< why not
    char *temporary;
    layer_compression compression;
    uint8_t head[HEAD_MOST]; ///< held back until it is clear what this is
    size_t head_length;
    bool decided;
    uint64_t size;
};

char *archive_layer_path(const archive_options *options, const char *id) {
    return path_format("%s/layers/%s.ext4", options->data_directory, digest_hex(id));
}

int archive_layer_name(const archive_options *options, const char *temporary, const char *id,
                       holm_error **error) {
    cleanup_free char *folder = path_join(options->data_directory, "layers", NULL);
    cleanup_free char *path = archive_layer_path(options, id);
    cleanup_close int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && rename(temporary, path) == 0 && fsync(fd) == 0)
        return 0;
    holm_error_set_errno(error, errno, "store the layer %s", path);
    unlink(temporary);
    return -1;
}

archive_intake *archive_intake_create(const archive_options *options, holm_error **error) {
    cleanup(archive_intake_cleanup) archive_intake *self = calloc(1, sizeof *self);
    if (!self) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for an archive");
        return NULL;
    }
    self->options = options;
    self->blob = blob_intake_create(options->blobs, error);
    return self->blob ? steal_pointer(&self) : NULL;
}

void archive_intake_destroy(archive_intake *self) {
    if (!self)
        return;
    layer_writer_destroy(self->layer);
    blob_intake_destroy(self->blob);
    holm_error_free(self->problem);
    free(self->temporary);
    free(self);
}

/// Anything that can be a layer is taken for one; whether it is shows at its end.
static bool head_is_layer(archive_intake *self) {
    static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    const uint8_t *head = self->head;
    self->compression = LAYER_COMPRESSION_NONE;
    if (self->head_length >= 2 && head[0] == 0x1f && head[1] == 0x8b)
        self->compression = LAYER_COMPRESSION_GZIP;
    else if (self->head_length >= 4 && memcmp(head, zstd, 4) == 0)
        self->compression = LAYER_COMPRESSION_ZSTD;
    else if (self->head_length < HEAD_MOST)
        return false;
    else // ustar and GNU say so; an empty tar is all zeros
        return memcmp(head + 257, "ustar", 5) == 0 || (!head[0] && !memcmp(head, head + 1, HEAD_MOST - 1));
    return true;
}

static void intake_decide(archive_intake *self) {
    self->decided = true;
    if (!head_is_layer(self)) {
        holm_error_set(&self->problem, HOLM_ERROR_INTEGRITY, "it is no tar");
        return;
    }
    cleanup_free char *folder = path_join(self->options->data_directory, "layers", NULL);
    if (path_make_directories(folder, &self->problem) < 0)
        return;
    self->temporary = path_format("%s/.archive-%d-%p", folder, getpid(), (void *)self);
    layer_writer_options options = {.path = self->temporary, .compression = self->compression};
    self->layer = layer_writer_create(&options, &self->problem);
    if (self->layer && layer_writer_push(self->layer, self->head, self->head_length, &self->problem) < 0) {
        layer_writer_destroy(self->layer);
        self->layer = NULL;
    }
}

int archive_intake_write(archive_intake *self, const void *data, size_t length, holm_error **error) {
    const uint8_t *bytes = data;
    if (blob_intake_write(self->blob, data, length, error) < 0)
        return -1;
    self->size += length;
    if (!self->decided) {
        size_t more = HEAD_MOST - self->head_length < length ? HEAD_MOST - self->head_length : length;
        memcpy(self->head + self->head_length, bytes, more);
        self->head_length += more;
        bytes += more;
        length -= more;
        if (self->head_length == HEAD_MOST)
            intake_decide(self);
    }
    // A blob that is no good as a layer may still be one that nobody asks for.
    if (self->layer && length && layer_writer_push(self->layer, bytes, length, &self->problem) < 0) {
        layer_writer_destroy(self->layer);
        self->layer = NULL;
    }
    return 0;
}

/// Names the layer's image. One that leaves things to lower layers is made again once these are known.
static int intake_finish_layer(archive_intake *self, archive_file *file, holm_error **error) {
    layer_result result;
    if (layer_writer_finish(self->layer, &result, error) < 0)
        return -1;
    snprintf(file->diff_id, sizeof file->diff_id, "%s", result.diff_id);
    if (!result.complete)
        return 0;
    return archive_layer_name(self->options, self->temporary, file->diff_id, error);
}

int archive_intake_commit(archive_intake *self, bool strict, archive_file *file, holm_error **error) {
    if (!self->decided)
        intake_decide(self);
    file->size = self->size;
    file->compression = self->compression;
    file->diff_id[0] = 0;
    if (self->layer && intake_finish_layer(self, file, &self->problem) < 0 &&
        holm_error_code_of(self->problem) == HOLM_ERROR_NO_SPACE)
        strict = true;
    if (strict && !file->diff_id[0]) {
        holm_error_propagate(error, steal_pointer(&self->problem));
        return -1;
    }
    return blob_intake_commit(self->blob, file->digest, error);
}
