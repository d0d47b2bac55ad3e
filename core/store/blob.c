#include "core/store/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/base/fault.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/store/blob_internal.h"

static int write_layout(const blob_store *self, holm_error **error) {
    static const struct {
        const char *name, *text;
    } files[] = {
        {"oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"},
        {"index.json", "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
                       "\"manifests\":[]}"},
    };
    for (size_t i = 0; i < array_length(files); i++) {
        cleanup_free char *path = path_join(self->directory, files[i].name, NULL);
        if (access(path, F_OK) < 0 && file_write(path, files[i].text, strlen(files[i].text), error) < 0)
            return -1;
    }
    return 0;
}

blob_store *blob_store_open(const char *data_directory, holm_error **error) {
    cleanup_blob_store blob_store *self = calloc(1, sizeof *self);
    self->directory = path_join(data_directory, "images", NULL);
    self->blobs = path_join(self->directory, "blobs/sha256", NULL);
    self->partial = path_join(self->directory, "partial", NULL);
    if (path_make_directories(self->blobs, error) < 0 || path_make_directories(self->partial, error) < 0)
        return NULL;
    cleanup_free char *index_lock = path_join(self->directory, "index.lock", NULL);
    cleanup_close int lock = file_lock(index_lock, true, true, error);
    if (lock < 0 || write_layout(self, error) < 0)
        return NULL;
    return steal_pointer(&self);
}

void blob_store_close(blob_store *self) {
    if (!self)
        return;
    free(self->directory);
    free(self->blobs);
    free(self->partial);
    free(self);
}

const char *blob_store_directory(const blob_store *self) {
    return self->directory;
}

int blob_store_hold(blob_store *self, holm_error **error) {
    cleanup_free char *path = path_join(self->directory, "lock", NULL);
    return file_lock(path, false, true, error);
}

int blob_store_hold_alone(blob_store *self, holm_error **error) {
    cleanup_free char *path = path_join(self->directory, "lock", NULL);
    return file_lock(path, true, false, error);
}

char *blob_path(const blob_store *self, const char *digest) {
    return path_join(self->blobs, digest_hex(digest), NULL);
}

bool blob_exists(const blob_store *self, const char *digest, uint64_t *size) {
    cleanup_free char *path = blob_path(self, digest);
    struct stat status;
    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode))
        return false;
    if (size)
        *size = (uint64_t)status.st_size;
    return true;
}

int blob_open(const blob_store *self, const char *digest, holm_error **error) {
    cleanup_free char *path = blob_path(self, digest);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        holm_error_set_errno(error, errno, "open the blob %s", digest);
    return fd;
}

static int mismatch(const char *digest, const char *found, holm_error **error) {
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "the blob %.19s is damaged: its bytes have the digest %.19s",
                   digest, found);
    return -1;
}

int blob_read(const blob_store *self, const char *digest, size_t most, buffer *out, holm_error **error) {
    cleanup_free char *path = blob_path(self, digest);
    size_t before = out->length;
    if (file_read(path, most, out, error) < 0)
        return -1;
    char found[DIGEST_SIZE];
    digest_of(out->data + before, out->length - before, found);
    return strcmp(found, digest) == 0 ? 0 : mismatch(digest, found, error);
}

int blob_put(blob_store *self, const void *bytes, size_t length, char out[DIGEST_SIZE], holm_error **error) {
    char digest[DIGEST_SIZE];
    digest_of(bytes, length, digest);
    if (out)
        memcpy(out, digest, DIGEST_SIZE);
    uint64_t size;
    if (blob_exists(self, digest, &size) && size == length)
        return 0;
    cleanup_blob_intake blob_intake *intake = blob_intake_create(self, error); // others may put the same
    return intake && blob_intake_write(intake, bytes, length, error) == 0
               ? blob_intake_commit(intake, digest, error)
               : -1;
}

int blob_remove(blob_store *self, const char *digest, uint64_t *freed, holm_error **error) {
    cleanup_free char *path = blob_path(self, digest);
    struct stat status;
    if (freed)
        *freed = stat(path, &status) == 0 ? (uint64_t)status.st_blocks * 512 : 0;
    if (unlink(path) < 0 && errno != ENOENT) {
        holm_error_set_errno(error, errno, "remove the blob %s", digest);
        return -1;
    }
    return 0;
}

int blob_verify(const blob_store *self, const char *digest, const bool *cancelled, holm_error **error) {
    cleanup_close int fd = blob_open(self, digest, error);
    if (fd < 0)
        return -1;
    cleanup_digest_stream digest_stream *stream = digest_stream_create();
    cleanup_free char *chunk = malloc(BLOB_CHUNK);
    for (;;) {
        ssize_t got = read(fd, chunk, BLOB_CHUNK);
        if (got == 0)
            break;
        if (got < 0) {
            holm_error_set_errno(error, errno, "read the blob %s", digest);
            return -1;
        }
        digest_stream_add(stream, chunk, (size_t)got);
        if (cancelled && __atomic_load_n(cancelled, __ATOMIC_RELAXED)) {
            holm_error_set(error, HOLM_ERROR_CANCELLED, "cancelled");
            return -1;
        }
    }
    char found[DIGEST_SIZE];
    digest_stream_text(stream, found);
    return strcmp(found, digest) == 0 ? 0 : mismatch(digest, found, error);
}

json_t *blob_list(const blob_store *self, holm_error **error) {
    cleanup_directory DIR *directory = opendir(self->blobs);
    if (!directory) {
        holm_error_set_errno(error, errno, "open %s", self->blobs);
        return NULL;
    }
    json_t *list = json_array();
    for (const struct dirent *entry; (entry = readdir(directory));) {
        if (digest_hex_is_valid(entry->d_name))
            json_array_append_new(list, json_sprintf(DIGEST_PREFIX "%s", entry->d_name));
    }
    return list;
}
