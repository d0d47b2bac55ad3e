#include "core/holm_boot_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK           65536
#define LINE_MAX_LENGTH 65536 // what is longer comes in parts

// Where the nth last line begins.
static off_t find_last(int fd, int64_t last) {
    struct stat status;
    if (fstat(fd, &status) < 0)
        return 0;
    char chunk[4096];
    off_t end = status.st_size;
    int64_t lines = 0;
    for (off_t at = end; at > 0;) {
        size_t wanted = at < (off_t)sizeof chunk ? (size_t)at : sizeof chunk;
        at -= (off_t)wanted;
        if (pread(fd, chunk, wanted, at) != (ssize_t)wanted)
            return 0;
        for (size_t i = wanted; i-- > 0;)
            if (chunk[i] == '\n' && at + (off_t)i + 1 < end && ++lines == last)
                return at + (off_t)i + 1;
    }
    return 0;
}

int boot_log_open(boot_log *self, const char *path, int64_t last, holm_error **error) {
    *self = (boot_log){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (self->fd < 0 && errno != ENOENT) {
        holm_error_set_errno(error, errno, "open %s", path);
        return -1;
    }
    if (self->fd >= 0 && last == 0)
        self->offset = lseek(self->fd, 0, SEEK_END);
    else if (self->fd >= 0 && last > 0)
        self->offset = find_last(self->fd, last);
    return 0;
}

static int read_more(boot_log *self, holm_error **error) {
    buffer_consume(&self->rest, self->taken);
    self->taken = 0;
    if (self->fd < 0)
        return 0;
    buffer_reserve(&self->rest, CHUNK);
    ssize_t got = pread(self->fd, self->rest.data + self->rest.length, CHUNK, self->offset);
    if (got < 0) {
        holm_error_set_errno(error, errno, "read the boot log");
        return -1;
    }
    self->offset += got;
    self->rest.length += (size_t)got;
    return got > 0;
}

static int give(boot_log *self, size_t length, size_t skip, const char **bytes, size_t *out) {
    *bytes = (const char *)self->rest.data + self->taken;
    *out = length;
    if (length > 0 && skip > 0 && (*bytes)[length - 1] == '\r')
        (*out)--;
    self->taken += length + skip;
    return 1;
}

int boot_log_next(boot_log *self, bool whole, const char **bytes, size_t *length, bool *partial,
                  holm_error **error) {
    for (;;) {
        size_t have = self->rest.length - self->taken;
        const char *begin = (const char *)self->rest.data + self->taken;
        const char *newline = have ? memchr(begin, '\n', have) : NULL;
        *partial = !newline;
        if (newline)
            return give(self, (size_t)(newline - begin), 1, bytes, length);
        if (have >= LINE_MAX_LENGTH)
            return give(self, have, 0, bytes, length);
        int more = read_more(self, error);
        if (more < 0)
            return -1;
        have = self->rest.length;
        if (more == 0)
            return whole || have == 0 ? 0 : give(self, have, 0, bytes, length);
    }
}

void boot_log_finish(boot_log *self) {
    if (self->fd >= 0)
        close(self->fd);
    buffer_finish(&self->rest);
}
