// Reading an archive: its files into the store, one after the other.
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/path.h"
#include "core/image/archive_private.h"
#include "core/image/layer_inflate.h"

enum { INPUT_SIZE = 256 << 10 };

/// The archive's bytes, decompressed, for libarchive.
typedef struct archive_stream {
    const archive_options *options;
    int fd;
    uint64_t done, total;
    layer_inflate *inflate;
    uint8_t *input, *output;
    size_t input_at, input_length;
    bool ended, filled;
    holm_error *problem;
} archive_stream;

static void archive_stream_finish(archive_stream *self) {
    layer_inflate_destroy(self->inflate);
    free(self->input);
    free(self->output);
    holm_error_free(self->problem);
}

static int stream_refill(archive_stream *self) {
    if (archive_is_cancelled(self->options, &self->problem))
        return -1;
    // A pipe gives little at a time; the kind of compression shows in the first bytes.
    self->input_at = self->input_length = 0;
    while (self->input_length < INPUT_SIZE) {
        ssize_t length = read(self->fd, self->input + self->input_length, INPUT_SIZE - self->input_length);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0) {
            holm_error_set_errno(&self->problem, errno, "read the archive");
            return -1;
        }
        self->ended = length == 0;
        if (self->ended)
            break;
        self->input_length += (size_t)length;
    }
    self->done += self->input_length;
    if (self->options->progress)
        self->options->progress(self->options->data, "unpacking", self->done, self->total);
    return 0;
}

static la_ssize_t stream_read(struct archive *archive, void *data, const void **bytes) {
    archive_stream *self = data;
    (void)archive; // the reason of a failure is in self->problem
    *bytes = self->output;
    for (;;) {
        if (self->input_at == self->input_length && !self->filled) {
            if (self->ended)
                return layer_inflate_end(self->inflate, &self->problem) < 0 ? ARCHIVE_FATAL : 0;
            if (stream_refill(self) < 0)
                return ARCHIVE_FATAL;
            if (self->input_at == self->input_length)
                continue;
        }
        size_t used = self->input_length - self->input_at, made = INPUT_SIZE;
        if (layer_inflate_run(self->inflate, self->input + self->input_at, &used, self->output, &made,
                              &self->problem) < 0)
            return ARCHIVE_FATAL;
        self->input_at += used;
        self->filled = made == INPUT_SIZE;
        if (made)
            return (la_ssize_t)made;
    }
}

static int stream_open(archive_stream *self, holm_error **error) {
    struct stat status;
    if (fstat(self->fd, &status) == 0 && S_ISREG(status.st_mode))
        self->total = (uint64_t)status.st_size;
    self->inflate = layer_inflate_create(LAYER_COMPRESSION_AUTO, error);
    self->input = malloc(INPUT_SIZE);
    self->output = malloc(INPUT_SIZE);
    if (self->inflate && self->input && self->output)
        return 0;
    if (self->inflate)
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the archive");
    return -1;
}

// ---- the files of a tar ----

static int tar_fail(struct archive *archive, archive_stream *stream, holm_error **error) {
    const char *text = archive_error_string(archive);
    if (stream->problem)
        holm_error_propagate(error, steal_pointer(&stream->problem));
    else
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the archive is damaged: %s",
                       text ? text : "no reason given");
    return -1;
}

static int tar_take_file(archive_bag *bag, struct archive *archive, archive_stream *stream, const char *name,
                         holm_error **error) {
    cleanup(archive_intake_cleanup) archive_intake *intake = archive_intake_create(bag->options, error);
    const void *data;
    size_t length;
    la_int64_t offset, expected = 0;
    int code;
    if (!intake)
        return -1;
    while ((code = archive_read_data_block(archive, &data, &length, &offset)) == ARCHIVE_OK) {
        if (offset != expected && length) {
            holm_error_set(error, HOLM_ERROR_INTEGRITY, "a file of the archive is sparse");
            return -1;
        }
        if (archive_intake_write(intake, data, length, error) < 0)
            return -1;
        expected += (la_int64_t)length;
    }
    if (code != ARCHIVE_EOF)
        return tar_fail(archive, stream, error);
    archive_file *file = archive_bag_add(bag, name, error);
    return file ? archive_intake_commit(intake, false, file, error) : -1;
}

static int tar_take_entry(archive_bag *bag, struct archive *archive, archive_stream *stream,
                          struct archive_entry *entry, holm_error **error) {
    const char *name = archive_entry_pathname(entry);
    const char *link = archive_entry_symlink(entry);
    const char *hard = archive_entry_hardlink(entry);
    if (!name) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "a file of the archive has no name");
        return -1;
    }
    if (!hard && archive_entry_filetype(entry) == AE_IFREG)
        return tar_take_file(bag, archive, stream, name, error);
    if (!hard && !link)
        return 0;
    archive_file *file = archive_bag_add(bag, name, error);
    if (!file)
        return -1;
    // A hard link names its target from the top: as many steps up as the name has folders.
    char up[3 * 64 + 1] = "";
    size_t depth = 0;
    for (const char *at = file->name; hard && (at = strchr(at, '/')) && depth < 64; at++)
        memcpy(up + 3 * depth++, "../", 4);
    if (asprintf(&file->link, "%s%s", up, hard ? hard : link) < 0) {
        file->link = NULL;
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory for the archive");
        return -1;
    }
    return 0;
}

/// What stands behind the archive is of no interest, but that the stream ends as it should is.
static int stream_drain(archive_stream *self, holm_error **error) {
    const void *rest;
    la_ssize_t length;
    while ((length = stream_read(NULL, self, &rest)) > 0)
        ;
    if (length == 0)
        return 0;
    holm_error_propagate(error, steal_pointer(&self->problem));
    return -1;
}

static int tar_take_all(archive_bag *bag, archive_stream *stream, holm_error **error) {
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    int code = ARCHIVE_FATAL, result = -1;
    if (!archive || archive_read_support_format_tar(archive) != ARCHIVE_OK ||
        archive_read_open(archive, stream, NULL, stream_read, NULL) != ARCHIVE_OK) {
        if (archive)
            tar_fail(archive, stream, error);
        archive_read_free(archive);
        return -1;
    }
    while ((code = archive_read_next_header(archive, &entry)) == ARCHIVE_OK || code == ARCHIVE_WARN)
        if (tar_take_entry(bag, archive, stream, entry, error) < 0)
            break;
    if (code == ARCHIVE_EOF)
        result = stream_drain(stream, error);
    else if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
        tar_fail(archive, stream, error);
    archive_read_free(archive);
    return result;
}

int archive_bag_install(archive_bag *bag, const char *reference, archive_result *out, holm_error **error) {
    archive_bag_sort(bag);
    if (archive_bag_find(bag, "index.json"))
        return archive_layout_install(bag, reference, out, error);
    if (archive_bag_find(bag, "manifest.json"))
        return archive_docker_install(bag, reference, out, error);
    holm_error_set(error, HOLM_ERROR_INVALID,
                   "this is no archive of images: it has no index.json or manifest.json");
    holm_error_hint(error, "a tar of a root file system becomes an image with: holm import");
    return -1;
}

int archive_load(const archive_options *options, int fd, const char *reference, archive_result *out,
                 holm_error **error) {
    cleanup_archive_bag archive_bag bag = {.options = options};
    cleanup(archive_stream_finish) archive_stream stream = {.options = options, .fd = fd};
    cleanup_close int hold = blob_store_hold(options->blobs, error);
    if (hold < 0 || stream_open(&stream, error) < 0 || tar_take_all(&bag, &stream, error) < 0)
        return -1;
    return archive_bag_install(&bag, reference, out, error);
}

// ---- folders ----

static int folder_take_file(archive_bag *bag, const char *folder, const char *name, holm_error **error) {
    cleanup_free char *path = path_join(folder, name, NULL);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        holm_error_set_errno(error, errno, "open %s", path);
        return -1;
    }
    if (!S_ISREG(status.st_mode))
        return 0;
    cleanup(archive_intake_cleanup) archive_intake *intake = archive_intake_create(bag->options, error);
    cleanup_free uint8_t *piece = malloc(INPUT_SIZE);
    ssize_t length;
    while (intake && piece && (length = read(fd, piece, INPUT_SIZE)) != 0) {
        if (length < 0) {
            holm_error_set_errno(error, errno, "read %s", path);
            return -1;
        }
        if (archive_is_cancelled(bag->options, error) ||
            archive_intake_write(intake, piece, (size_t)length, error) < 0)
            return -1;
    }
    archive_file *file = intake ? archive_bag_add(bag, name, error) : NULL;
    return file ? archive_intake_commit(intake, false, file, error) : -1;
}

int archive_load_folder(const archive_options *options, const char *path, const char *reference,
                        archive_result *out, holm_error **error) {
    cleanup_archive_bag archive_bag bag = {.options = options};
    cleanup_close int hold = blob_store_hold(options->blobs, error);
    if (hold < 0 || folder_take_file(&bag, path, "index.json", error) < 0)
        return -1;
    cleanup_free char *blobs = path_join(path, "blobs", "sha256", NULL);
    cleanup_directory DIR *directory = opendir(blobs);
    if (!directory) {
        holm_error_set_errno(error, errno, "open %s", blobs);
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        cleanup_free char *name = path_join("blobs", "sha256", entry->d_name, NULL);
        if (folder_take_file(&bag, path, name, error) < 0)
            return -1;
    }
    return archive_bag_install(&bag, reference, out, error);
}
