// The writing side of a container's log.
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/container/log.h"

#define MAGIC        0x4c48u
#define FLAG_PARTIAL 1u

// ---- encoding ----

static void append_record(buffer *out, int stream, int64_t unix_ns, bool partial, const void *bytes,
                          size_t length) {
    uint8_t header[LOG_HEADER_SIZE];
    uint64_t time = htole64((uint64_t)unix_ns);
    uint16_t magic = htole16(MAGIC);
    uint32_t size = htole32((uint32_t)length);
    memcpy(header, &time, 8);
    header[8] = (uint8_t)stream;
    header[9] = partial ? FLAG_PARTIAL : 0;
    memcpy(header + 10, &magic, 2);
    memcpy(header + 12, &size, 4);
    buffer_append(out, header, sizeof header);
    buffer_append(out, bytes, length);
}

// One piece of a line: together with what waits it may be more than a record holds.
static void add_piece(log_encoder *self, int stream, int64_t unix_ns, const uint8_t *bytes, size_t length,
                      bool ends, buffer *out) {
    buffer *line = &self->lines[stream - 1];
    while (line->length + length > LOG_RECORD_MAX) {
        size_t part = LOG_RECORD_MAX - line->length;
        buffer_append(line, bytes, part);
        append_record(out, stream, unix_ns, true, line->data, line->length);
        buffer_clear(line);
        bytes += part;
        length -= part;
    }
    if (ends && line->length == 0) {
        append_record(out, stream, unix_ns, false, bytes, length);
        return;
    }
    buffer_append(line, bytes, length);
    if (!ends)
        return;
    append_record(out, stream, unix_ns, false, line->data, line->length);
    buffer_clear(line);
}

void log_encoder_add(log_encoder *self, int stream, int64_t unix_ns, const void *bytes, size_t length,
                     buffer *out) {
    const uint8_t *at = bytes, *end = at + length;
    while (at < end) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        size_t piece = (size_t)((newline ? newline : end) - at);
        add_piece(self, stream, unix_ns, at, piece, newline != NULL, out);
        at += piece + (newline != NULL);
    }
}

void log_encoder_flush(log_encoder *self, int64_t unix_ns, buffer *out) {
    for (int stream = 1; stream <= 2; stream++) {
        buffer *line = &self->lines[stream - 1];
        if (line->length)
            append_record(out, stream, unix_ns, true, line->data, line->length);
        buffer_clear(line);
    }
}

void log_encoder_finish(log_encoder *self) {
    buffer_finish(&self->lines[0]);
    buffer_finish(&self->lines[1]);
}

// ---- the files ----

struct log_writer {
    char *folder;
    uint64_t max_bytes;
    unsigned max_files;
    int fd;
    uint64_t size;
};

// Where the last whole record ends: behind it, a killed writer may have left a torn one.
static off_t whole_length(int fd, off_t size) {
    off_t at = 0;
    while (at + (off_t)LOG_HEADER_SIZE <= size) {
        uint8_t header[LOG_HEADER_SIZE];
        uint16_t magic;
        uint32_t length;
        if (pread(fd, header, sizeof header, at) != (ssize_t)sizeof header)
            break;
        memcpy(&magic, header + 10, 2);
        memcpy(&length, header + 12, 4);
        length = le32toh(length);
        if (le16toh(magic) != MAGIC || length > LOG_RECORD_MAX ||
            at + (off_t)LOG_HEADER_SIZE + (off_t)length > size)
            break;
        at += (off_t)LOG_HEADER_SIZE + (off_t)length;
    }
    return at;
}

static int open_newest(log_writer *self, holm_error **error) {
    cleanup_free char *path = path_join(self->folder, "0.log", NULL);
    struct stat status;
    self->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->fd < 0 || fstat(self->fd, &status) < 0) {
        holm_error_set_errno(error, errno, "open the log %s", path);
        return -1;
    }
    off_t whole = whole_length(self->fd, status.st_size);
    if ((whole < status.st_size && ftruncate(self->fd, whole) < 0) || lseek(self->fd, whole, SEEK_SET) < 0) {
        holm_error_set_errno(error, errno, "mend the log %s", path);
        return -1;
    }
    self->size = (uint64_t)whole;
    return 0;
}

log_writer *log_writer_open(const char *folder, uint64_t max_bytes, unsigned max_files, holm_error **error) {
    if (path_make_directories(folder, error) < 0)
        return NULL;
    log_writer *self = calloc(1, sizeof *self);
    self->folder = path_format("%s", folder);
    self->max_bytes = max_bytes;
    self->max_files = max_files ? max_files : 1;
    if (open_newest(self, error) < 0) {
        log_writer_close(self);
        return NULL;
    }
    return self;
}

static int rotate(log_writer *self, holm_error **error) {
    for (unsigned i = self->max_files; i-- > 0;) {
        cleanup_free char *from = path_format("%s/%u.log", self->folder, i);
        cleanup_free char *to = path_format("%s/%u.log", self->folder, i + 1);
        int result = i + 1 == self->max_files ? unlink(from) : rename(from, to);
        if (result < 0 && errno != ENOENT) {
            holm_error_set_errno(error, errno, "rotate the log %s", from);
            return -1;
        }
    }
    close(steal_fd(&self->fd));
    return open_newest(self, error);
}

int log_writer_append(log_writer *self, const void *records, size_t length, holm_error **error) {
    const uint8_t *at = records;
    while (length) {
        // As many whole records as the file still takes, at least one.
        size_t batch = 0;
        while (batch < length) {
            uint32_t size;
            memcpy(&size, at + batch + 12, 4);
            size_t record = LOG_HEADER_SIZE + le32toh(size);
            if (batch && self->size + batch + record > self->max_bytes)
                break;
            batch += record;
        }
        if (self->fd < 0 && open_newest(self, error) < 0)
            return -1;
        if (self->size && self->size + batch > self->max_bytes && rotate(self, error) < 0)
            return -1;
        if (file_write_all(self->fd, at, batch) < 0) {
            int number = errno;
            // Nothing torn stays behind: the next records must be readable.
            if (ftruncate(self->fd, (off_t)self->size) == 0)
                lseek(self->fd, (off_t)self->size, SEEK_SET);
            holm_error_set_errno(error, number, "write the log in %s", self->folder);
            return -1;
        }
        self->size += batch;
        at += batch;
        length -= batch;
    }
    return 0;
}

void log_writer_close(log_writer *self) {
    if (!self)
        return;
    if (self->fd >= 0)
        close(self->fd);
    free(self->folder);
    free(self);
}
