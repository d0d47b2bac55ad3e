// Blobs whose digest is known only once they are here: from archives, and of our own making.
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/store/blob_internal.h"

struct blob_intake {
    blob_store *store; // borrowed
    char *path;        // NULL once it has its name
    int fd;            // holds the lock that keeps sweeping away
    digest_stream *stream;
};

blob_intake *blob_intake_create(blob_store *store, holm_error **error) {
    cleanup_blob_intake blob_intake *self = calloc(1, sizeof *self);
    self->store = store;
    self->fd = -1;
    self->stream = digest_stream_create();
    self->path = path_join(store->partial, BLOB_INTAKE "XXXXXX", NULL);
    self->fd = mkostemp(self->path, O_CLOEXEC);
    if (self->fd < 0) {
        holm_error_set_errno(error, errno, "make a file in %s", store->partial);
        free(steal_pointer(&self->path));
        return NULL;
    }
    flock(self->fd, LOCK_EX | LOCK_NB); // nobody else knows the name yet
    return steal_pointer(&self);
}

int blob_intake_write(blob_intake *self, const void *data, size_t length, holm_error **error) {
    if (file_write_all(self->fd, data, length) < 0) {
        holm_error_set_errno(error, errno, "write %s", self->path);
        return -1;
    }
    digest_stream_add(self->stream, data, length);
    return 0;
}

int blob_intake_commit(blob_intake *self, char out[DIGEST_SIZE], holm_error **error) {
    digest_stream_text(self->stream, out);
    cleanup_free char *path = blob_path(self->store, out);
    cleanup_close int folder = open(self->store->blobs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || fdatasync(self->fd) < 0 || rename(self->path, path) < 0 || fsync(folder) < 0) {
        holm_error_set_errno(error, errno, "store the blob %s", out);
        return -1;
    }
    free(steal_pointer(&self->path));
    return 0;
}

void blob_intake_destroy(blob_intake *self) {
    if (!self)
        return;
    if (self->path)
        unlink(self->path);
    if (self->fd >= 0)
        close(self->fd);
    digest_stream_destroy(self->stream);
    free(self->path);
    free(self);
}
