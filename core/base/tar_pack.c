#include "core/base/tar_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/base/tar.h"

typedef struct packing {
    int output;
    void *links; ///< files with several names that were packed already (tsearch)
    tar_pack_result *result;
} packing;

typedef struct packed_file {
    dev_t device;
    ino_t inode;
    char *path;
} packed_file;

static int compare_files(const void *a, const void *b) {
    const packed_file *first = a, *second = b;
    if (first->device != second->device)
        return first->device < second->device ? -1 : 1;
    return first->inode < second->inode ? -1 : first->inode > second->inode;
}

static int write_out(packing *self, const void *data, size_t length, holm_error **error) {
    if (file_write_all(self->output, data, length) == 0)
        return 0;
    holm_error_set_errno(error, errno, "write the archive");
    return -1;
}

static int write_header(packing *self, const tar_entry *entry, holm_error **error) {
    cleanup_buffer buffer header = BUFFER_INIT;
    tar_write_header(&header, entry);
    self->result->entries++;
    return write_out(self, header.data, header.length, error);
}

// Exactly the size that the header says: a file that shrinks meanwhile is filled up, one that grows is cut.
static int write_content(packing *self, int fd, uint64_t size, holm_error **error) {
    uint8_t chunk[65536];
    for (uint64_t left = size; left;) {
        size_t part = left < sizeof chunk ? (size_t)left : sizeof chunk;
        ssize_t got = read(fd, chunk, part);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            holm_error_set_errno(error, errno, "read");
            return -1;
        }
        if (got == 0)
            memset(chunk, 0, part), got = (ssize_t)part;
        if (write_out(self, chunk, (size_t)got, error) < 0)
            return -1;
        left -= (uint64_t)got;
    }
    self->result->bytes += size;
    memset(chunk, 0, TAR_BLOCK);
    return write_out(self, chunk, tar_padding(size), error);
}

// The first name of a file that has several, or NULL when this is it.
static const char *first_name(packing *self, const struct stat *status, const char *path) {
    if (status->st_nlink < 2 || S_ISDIR(status->st_mode))
        return NULL;
    packed_file *file = malloc(sizeof *file);
    if (!file)
        abort();
    *file = (packed_file){status->st_dev, status->st_ino, NULL};
    packed_file *found = *(packed_file **)tsearch(file, &self->links, compare_files);
    if (found == file) {
        file->path = strdup(path);
        return NULL;
    }
    free(file);
    return found->path;
}

static tar_entry describe(const struct stat *status, const char *path) {
    static const struct {
        mode_t format;
        tar_type type;
    } types[] = {{S_IFREG, TAR_FILE},          {S_IFDIR, TAR_FOLDER},
                 {S_IFLNK, TAR_SYMBOLIC_LINK}, {S_IFCHR, TAR_CHARACTER_DEVICE},
                 {S_IFBLK, TAR_BLOCK_DEVICE},  {S_IFIFO, TAR_FIFO}};
    tar_entry entry = {
        .path = path,
        .mode = status->st_mode & 07777,
        .uid = status->st_uid,
        .gid = status->st_gid,
        .mtime_seconds = status->st_mtim.tv_sec,
        .mtime_ns = (uint32_t)status->st_mtim.tv_nsec,
        .major = major(status->st_rdev),
        .minor = minor(status->st_rdev),
    };
    for (size_t i = 0; i < array_length(types); i++)
        if (types[i].format == (status->st_mode & S_IFMT))
            entry.type = types[i].type;
    return entry;
}

static int pack(packing *self, int parent, const char *name, const char *path, unsigned depth,
                holm_error **error);

static int pack_folder(packing *self, int parent, const char *name, const char *path, unsigned depth,
                       holm_error **error) {
    cleanup_close int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_directory DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (!list || depth == TAR_DEPTH_MAX) {
        holm_error_set_errno(error, list ? ELOOP : errno, "open %.200s", path);
        return -1;
    }
    steal_fd(&fd);
    for (const struct dirent *entry; (entry = readdir(list));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        cleanup_free char *below = path_format("%s/%s", path, entry->d_name);
        if (strlen(below) <= TAR_NAME_MAX &&
            pack(self, dirfd(list), entry->d_name, below, depth + 1, error) < 0)
            return -1;
    }
    return 0;
}

static int pack_file(packing *self, int parent, const char *name, tar_entry *entry, holm_error **error) {
    cleanup_close int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        holm_error_set_errno(error, fd < 0 ? errno : EAGAIN, "open %.200s", entry->path);
        return -1;
    }
    entry->size = (uint64_t)status.st_size;
    return write_header(self, entry, error) < 0 ? -1 : write_content(self, fd, entry->size, error);
}

static int pack(packing *self, int parent, const char *name, const char *path, unsigned depth,
                holm_error **error) {
    struct stat status;
    char target[PATH_MAX] = "";
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT && depth)
            return 0; // it has just gone
        holm_error_set_errno(error, errno, "look at %.200s", path);
        return -1;
    }
    tar_entry entry = describe(&status, path);
    if (!entry.type)
        return 0; // a socket: there is nothing in it to copy
    const char *first = first_name(self, &status, path);
    if (first) {
        entry.type = TAR_HARD_LINK;
        entry.link = first;
        return write_header(self, &entry, error);
    }
    if (entry.type == TAR_FILE)
        return pack_file(self, parent, name, &entry, error);
    if (entry.type == TAR_SYMBOLIC_LINK && readlinkat(parent, name, target, sizeof target - 1) >= 0)
        entry.link = target;
    if (write_header(self, &entry, error) < 0)
        return -1;
    return entry.type == TAR_FOLDER ? pack_folder(self, parent, name, path, depth, error) : 0;
}

int tar_pack(int output, int parent, const char *name, const char *as, tar_pack_result *result,
             holm_error **error) {
    packing self = {.output = output, .result = result};
    cleanup_buffer buffer end = BUFFER_INIT;
    // the process ends after this: the list of links needs no freeing
    if (pack(&self, parent, name, as, 0, error) < 0)
        return -1;
    tar_write_end(&end);
    return write_out(&self, end.data, end.length, error);
}
