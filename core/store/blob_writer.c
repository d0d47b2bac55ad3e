#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/fault.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/store/blob_internal.h"

struct blob_writer {
    blob_store *store; // borrowed
    char digest[DIGEST_SIZE];
    uint64_t size;   // promised
    uint64_t offset; // here at the start
    uint64_t hashed; // in the digest so far
    char *path;
    int fd; // holds the lock
    digest_stream *stream;
};

static char *partial_path(const blob_store *store, const char *digest) {
    return path_join(store->partial, digest_hex(digest), NULL);
}

// The lock is worth something only on the file that has the name: the one before may just have been renamed
// into place, or removed.
static int open_locked(const char *path, bool wait, holm_error **error) {
    for (;;) {
        cleanup_close int fd = file_lock(path, true, wait, error);
        if (fd < 0)
            return -1;
        struct stat ours, named;
        if (fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
            ours.st_dev == named.st_dev)
            return steal_fd(&fd);
    }
}

static int reserve(const blob_writer *self, holm_error **error) {
    if (self->size <= self->offset || fallocate(self->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)self->size) == 0)
        return 0;
    if (errno != ENOSPC && errno != EDQUOT && errno != EFBIG)
        return 0; // not every file system can reserve
    holm_error_set(error, HOLM_ERROR_NO_SPACE,
                   "there is no room on the disk for the blob %.19s (%llu bytes) in %s", self->digest,
                   (unsigned long long)self->size, self->store->partial);
    holm_error_hint(error, "make room, for example with: holm rmi, then do the same again");
    return -1;
}

blob_writer *blob_writer_create(blob_store *store, const char *digest, uint64_t size, holm_error **error) {
    cleanup_blob_writer blob_writer *self = calloc(1, sizeof *self);
    self->store = store;
    self->size = size;
    memcpy(self->digest, digest, DIGEST_SIZE);
    self->path = partial_path(store, digest);
    self->fd = open_locked(self->path, false, error);
    if (self->fd < 0)
        return NULL;
    self->stream = digest_stream_create();
    struct stat status;
    if (fstat(self->fd, &status) < 0) {
        holm_error_set_errno(error, errno, "read %s", self->path);
        return NULL;
    }
    self->offset = (uint64_t)status.st_size;
    // More than was promised cannot be a beginning of it.
    if (self->offset > size && blob_writer_restart(self, error) < 0)
        return NULL;
    if (reserve(self, error) < 0) {
        if (self->offset == 0)
            unlink(self->path);
        return NULL;
    }
    return steal_pointer(&self);
}

int blob_writer_wait(blob_store *store, const char *digest, holm_error **error) {
    cleanup_free char *path = partial_path(store, digest);
    cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0; // it has its name by now, or was given up
    while (flock(fd, LOCK_EX) < 0) {
        if (errno != EINTR) {
            holm_error_set_errno(error, errno, "lock %s", path);
            return -1;
        }
    }
    return 0;
}

uint64_t blob_writer_offset(const blob_writer *self) {
    return self->offset;
}

ssize_t blob_writer_recall(blob_writer *self, void *data, size_t length, holm_error **error) {
    uint64_t left = self->offset - self->hashed;
    if (length > left)
        length = (size_t)left;
    if (length == 0)
        return 0;
    ssize_t got = pread(self->fd, data, length, (off_t)self->hashed);
    if (got <= 0) {
        holm_error_set_errno(error, got < 0 ? errno : EIO, "read %s", self->path);
        return -1;
    }
    digest_stream_add(self->stream, data, (size_t)got);
    self->hashed += (uint64_t)got;
    return got;
}

int blob_writer_write(blob_writer *self, const void *data, size_t length, holm_error **error) {
    if (length > self->size - self->hashed) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY,
                       "the blob %.19s is longer than the %llu bytes it should be", self->digest,
                       (unsigned long long)self->size);
        return -1;
    }
    if (lseek(self->fd, (off_t)self->hashed, SEEK_SET) < 0 || file_write_all(self->fd, data, length) < 0) {
        int number = errno;
        holm_error_set_errno(error, number, "write %s", self->path);
        if (number == ENOSPC || number == EDQUOT)
            holm_error_hint(error, "make room, for example with: holm rmi, then do the same again");
        return -1;
    }
    digest_stream_add(self->stream, data, length);
    self->hashed += length;
    return 0;
}

static int discard(blob_writer *self, const char *found, holm_error **error) {
    unlink(self->path);
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "the blob %.19s is not what arrived: %s", self->digest,
                   found);
    return -1;
}

static int sync_folder(const char *path) {
    cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

int blob_writer_commit(blob_writer *self, holm_error **error) {
    char found[DIGEST_SIZE];
    if (self->hashed != self->size) {
        snprintf(found, sizeof found, "%llu bytes instead of %llu", (unsigned long long)self->hashed,
                 (unsigned long long)self->size);
        return discard(self, found, error);
    }
    digest_stream_text(self->stream, found);
    if (strcmp(found, self->digest) != 0) {
        char text[DIGEST_SIZE + 16];
        snprintf(text, sizeof text, "the digest is %.19s", found);
        return discard(self, text, error);
    }
    fault_point("pull.blob-verified");
    cleanup_free char *path = blob_path(self->store, self->digest);
    if (ftruncate(self->fd, (off_t)self->size) < 0 || fdatasync(self->fd) < 0 ||
        rename(self->path, path) < 0 || sync_folder(self->store->blobs) < 0) {
        holm_error_set_errno(error, errno, "store the blob %s", self->digest);
        return -1;
    }
    fault_point("pull.blob-named");
    return 0;
}

int blob_writer_restart(blob_writer *self, holm_error **error) {
    if (ftruncate(self->fd, 0) < 0) {
        holm_error_set_errno(error, errno, "empty %s", self->path);
        return -1;
    }
    self->offset = self->hashed = 0;
    digest_stream_destroy(self->stream);
    self->stream = digest_stream_create();
    return 0;
}

void blob_writer_destroy(blob_writer *self) {
    if (!self)
        return;
    struct stat status;
    if (self->fd >= 0 && self->hashed == 0 && fstat(self->fd, &status) == 0 && status.st_size == 0)
        unlink(self->path); // nothing to go on from
    if (self->fd >= 0)
        close(self->fd);
    digest_stream_destroy(self->stream);
    free(self->path);
    free(self);
}

static bool is_old(const char *path, int64_t age_seconds) {
    struct stat status;
    return stat(path, &status) == 0 && time(NULL) - status.st_mtime >= age_seconds;
}

int blob_sweep_partial(blob_store *self, int64_t age_seconds, holm_error **error) {
    cleanup_directory DIR *directory = opendir(self->partial);
    if (!directory) {
        holm_error_set_errno(error, errno, "open %s", self->partial);
        return -1;
    }
    for (const struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        cleanup_free char *path = path_join(self->partial, entry->d_name, NULL);
        // An intake is of no use to anyone but who writes it.
        if (strncmp(entry->d_name, BLOB_INTAKE, strlen(BLOB_INTAKE)) != 0 && !is_old(path, age_seconds))
            continue;
        cleanup_close int fd = open_locked(path, false, NULL);
        if (fd >= 0)
            unlink(path);
    }
    return 0;
}
