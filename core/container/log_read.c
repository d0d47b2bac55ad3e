// The reading side of a container's log. The files are the container's own output: nothing in them is
// trusted.
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "core/base/path.h"
#include "core/container/log.h"

#define MAGIC        0x4c48u
#define FLAG_PARTIAL 1u
#define FILES_MOST   100
#define CHUNK        (64u << 10)

struct log_reader {
    char *folder;
    int fd;       ///< the file being read; -1: none yet
    off_t offset; ///< of the next record in it
    int watch;    ///< inotify, -1: not made
    int64_t since_ns;
    uint64_t skip;  ///< lines to leave out first
    uint8_t *chunk; ///< bytes of the file from chunk_offset on
    off_t chunk_offset;
    size_t chunk_length;
};

typedef enum look { LOOK_RECORD, LOOK_END, LOOK_BROKEN } look;

// At least `wanted` bytes at `offset` in the chunk, or fewer at the end of the file.
static const uint8_t *bytes_at(log_reader *self, off_t offset, size_t wanted, size_t *have) {
    if (offset < self->chunk_offset ||
        offset + (off_t)wanted > self->chunk_offset + (off_t)self->chunk_length) {
        ssize_t got = pread(self->fd, self->chunk, CHUNK, offset);
        self->chunk_offset = offset;
        self->chunk_length = got > 0 ? (size_t)got : 0;
    }
    *have = self->chunk_length - (size_t)(offset - self->chunk_offset);
    return self->chunk + (offset - self->chunk_offset);
}

static look look_at(log_reader *self, log_record *record) {
    size_t have;
    const uint8_t *header = bytes_at(self, self->offset, LOG_HEADER_SIZE, &have);
    if (have < LOG_HEADER_SIZE)
        return LOOK_END;
    uint64_t time;
    uint16_t magic;
    uint32_t length;
    memcpy(&time, header, 8);
    memcpy(&magic, header + 10, 2);
    memcpy(&length, header + 12, 4);
    length = le32toh(length);
    *record = (log_record){.unix_ns = (int64_t)le64toh(time),
                           .stream = header[8],
                           .partial = header[9] & FLAG_PARTIAL,
                           .length = length};
    if (le16toh(magic) != MAGIC || length > LOG_RECORD_MAX || record->stream < 1 || record->stream > 2)
        return LOOK_BROKEN;
    const uint8_t *whole = bytes_at(self, self->offset, LOG_HEADER_SIZE + length, &have);
    if (have < LOG_HEADER_SIZE + length)
        return LOOK_END;
    record->bytes = (const char *)whole + LOG_HEADER_SIZE;
    return LOOK_RECORD;
}

static int open_numbered(const char *folder, unsigned number) {
    cleanup_free char *path = path_format("%s/%u.log", folder, number);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static void use_file(log_reader *self, int fd) {
    if (self->fd >= 0)
        close(self->fd);
    self->fd = fd;
    self->offset = 0;
    self->chunk_length = 0;
    self->chunk_offset = 0;
}

// The highest number that a file of the folder has, or -1.
static int find_oldest(const char *folder) {
    DIR *files = opendir(folder);
    int oldest = -1;
    for (const struct dirent *file; files && (file = readdir(files));) {
        int number = atoi(file->d_name);
        char name[32];
        snprintf(name, sizeof name, "%d.log", number);
        if (number > oldest && number < FILES_MOST && strcmp(name, file->d_name) == 0)
            oldest = number;
    }
    if (files)
        closedir(files);
    return oldest;
}

static int open_oldest(const char *folder) {
    int number, fd = -1;
    while (fd < 0 && (number = find_oldest(folder)) >= 0)
        if ((fd = open_numbered(folder, (unsigned)number)) < 0 &&
            errno != ENOENT) // else it was renamed just now
            break;
    return fd;
}

// The file that follows the one being read, or -1: none yet. Ours is found again by its inode, for rotation
// renames it; when it is gone altogether, the oldest one follows.
static int open_following(const log_reader *self) {
    struct stat own, other;
    if (fstat(self->fd, &own) < 0)
        return -1;
    if (own.st_nlink == 0)
        return open_oldest(self->folder);
    for (unsigned number = 0; number < FILES_MOST; number++) {
        cleanup_free char *path = path_format("%s/%u.log", self->folder, number);
        if (lstat(path, &other) == 0 && other.st_ino == own.st_ino && other.st_dev == own.st_dev)
            return number == 0 ? -1 : open_numbered(self->folder, number - 1);
    }
    return -1;
}

static void drain_watch(const log_reader *self) {
    char events[4096];
    while (self->watch >= 0 && read(self->watch, events, sizeof events) > 0)
        ;
}

// The next record of all files, whatever its time.
static int next_record(log_reader *self, log_record *record) {
    drain_watch(self);
    if (self->fd < 0)
        use_file(self, open_oldest(self->folder));
    while (self->fd >= 0) {
        look found = look_at(self, record);
        if (found == LOOK_RECORD) {
            self->offset += (off_t)(LOG_HEADER_SIZE + record->length);
            return 1;
        }
        cleanup_close int following = open_following(self);
        if (following < 0)
            return 0;
        // The writer was done with this file before it renamed it; look once more, then go on.
        self->chunk_length = 0;
        if (found == LOOK_END && look_at(self, record) == LOOK_RECORD)
            continue;
        use_file(self, steal_fd(&following));
    }
    return 0;
}

int log_reader_next(log_reader *self, log_record *record, holm_error **error) {
    (void)error;
    while (next_record(self, record) > 0) {
        if (record->unix_ns < self->since_ns)
            continue;
        if (self->skip) {
            self->skip -= !record->partial;
            continue;
        }
        return 1;
    }
    return 0;
}

static uint64_t count_lines(const char *folder, int64_t since_ns) {
    uint64_t lines = 0;
    log_record record;
    bool open_line = false;
    log_reader *counter = log_reader_open(folder, -1, since_ns, NULL);
    while (counter && log_reader_next(counter, &record, NULL) > 0) {
        lines += !record.partial;
        open_line = record.partial;
    }
    log_reader_close(counter);
    return lines + open_line;
}

log_reader *log_reader_open(const char *folder, int64_t last, int64_t since_ns, holm_error **error) {
    (void)error;
    log_reader *self = calloc(1, sizeof *self);
    self->folder = path_format("%s", folder);
    self->fd = self->watch = -1;
    self->since_ns = since_ns;
    self->chunk = malloc(CHUNK);
    if (!self->chunk)
        abort();
    if (last >= 0) {
        uint64_t lines = count_lines(folder, since_ns);
        self->skip = lines > (uint64_t)last ? lines - (uint64_t)last : 0;
    }
    return self;
}

int log_reader_watch(log_reader *self, holm_error **error) {
    if (self->watch >= 0)
        return self->watch;
    self->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (self->watch < 0 || inotify_add_watch(self->watch, self->folder,
                                             IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF) < 0) {
        holm_error_set_errno(error, errno, "watch the log in %s", self->folder);
        return -1;
    }
    return self->watch;
}

void log_reader_close(log_reader *self) {
    if (!self)
        return;
    if (self->fd >= 0)
        close(self->fd);
    if (self->watch >= 0)
        close(self->watch);
    free(self->chunk);
    free(self->folder);
    free(self);
}
