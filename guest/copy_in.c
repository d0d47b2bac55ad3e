#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/base/tar.h"
#include "guest/copy_files.h"
#include "guest/inside.h"

#define FOLDERS_KEPT (16u << 20) // bytes of what is known of folders; those beyond have the time of the copy

typedef struct unpacking {
    const Holm__Agent__V1__CopyHeader *header;
    int root; ///< the container's: links on the way are followed as the container would
    tar_reader archive;
    buffer folders; ///< folder_time: what is made in them changes their times
    size_t kept;    ///< bytes of their paths
} unpacking;

typedef struct folder_time {
    char *path;
    struct timespec time;
} folder_time;

static ssize_t read_input(void *data, void *out, size_t length) {
    return read(*(int *)data, out, length);
}

// Names that climb are refused rather than bent: whoever made the archive wanted something else.
static bool has_climb(const char *path) {
    for (const char *at = path; *at; at += strcspn(at, "/")) {
        at += strspn(at, "/");
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || !at[2]))
            return true;
    }
    return false;
}

// "", ".", "./" and "/" stand for the folder that is there already.
static bool is_top(const char *path) {
    return strspn(path, "./") == strlen(path);
}

static bool is_zero(const uint8_t *bytes, size_t length) {
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

// Runs of zeros become holes.
static int write_content(unpacking *self, int fd, uint64_t size, Holm__Agent__V1__CopyResult *result,
                         holm_error **error) {
    uint8_t chunk[65536];
    if (ftruncate(fd, (off_t)size) < 0) {
        holm_error_set_errno(error, errno, "write");
        return -1;
    }
    for (ssize_t got; (got = tar_reader_content(&self->archive, chunk, sizeof chunk, error)) != 0;) {
        if (got < 0)
            return -1;
        if (is_zero(chunk, (size_t)got) ? lseek(fd, got, SEEK_CUR) < 0
                                        : file_write_all(fd, chunk, (size_t)got) < 0) {
            holm_error_set_errno(error, errno, "write");
            return -1;
        }
        result->bytes += (uint64_t)got;
    }
    return 0;
}

static int make_file(unpacking *self, int parent, const char *name, uint64_t size,
                     Holm__Agent__V1__CopyResult *result, holm_error **error) {
    cleanup_close int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        holm_error_set_errno(error, errno, "make the file");
        return -1;
    }
    return write_content(self, fd, size, result, error);
}

static int make_link(unpacking *self, int parent, const char *name, const char *target, holm_error **error) {
    cleanup_free char *path = path_join(self->header->path, target, NULL);
    cleanup_close int source =
        has_climb(target) ? -1 : inside_open(self->root, path, O_PATH | O_NOFOLLOW, 0, error);
    if (has_climb(target))
        holm_error_set(error, HOLM_ERROR_INVALID, "the target of the link leads out");
    if (source < 0)
        return -1;
    if (linkat(source, "", parent, name, AT_EMPTY_PATH) == 0)
        return 0;
    holm_error_set_errno(error, errno, "link to %s", target);
    return -1;
}

static int make_special(const tar_entry *entry, int parent, const char *name, holm_error **error) {
    dev_t device = makedev(entry->major, entry->minor);
    int result;
    switch (entry->type) {
    case TAR_SYMBOLIC_LINK:
        result = symlinkat(entry->link, parent, name);
        break;
    case TAR_CHARACTER_DEVICE:
        result = mknodat(parent, name, S_IFCHR | 0600, device);
        break;
    case TAR_BLOCK_DEVICE:
        result = mknodat(parent, name, S_IFBLK | 0600, device);
        break;
    case TAR_FIFO:
        result = mknodat(parent, name, S_IFIFO | 0600, 0);
        break;
    default: // a folder that is there keeps its content
        result = mkdirat(parent, name, 0700);
        break;
    }
    if (result < 0)
        holm_error_set_errno(error, errno, "make it");
    return result;
}

static int set_attributes(const unpacking *self, const tar_entry *entry, int parent, const char *name,
                          holm_error **error) {
    bool keep = self->header->keep_owner;
    uid_t uid = keep ? entry->uid : self->header->uid;
    gid_t gid = keep ? entry->gid : self->header->gid;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = entry->mtime_seconds, .tv_nsec = entry->mtime_ns}};
    if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        goto failed;
    // the owner first, as changing it takes these bits away; a link has no mode
    if (entry->type != TAR_SYMBOLIC_LINK) {
        cleanup_close int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat status;
        if (fd < 0 || fstat(fd, &status) < 0 || S_ISLNK(status.st_mode) ||
            chmod(inside_link_of(fd).path, entry->mode) < 0)
            goto failed;
    }
    if (utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
failed:
    holm_error_set_errno(error, errno, "set owner, mode and time");
    return -1;
}

// Whether a folder of that name is there and may stay; anything else there makes room.
static int make_room(const tar_entry *entry, int parent, const char *name, bool *stays, holm_error **error) {
    struct stat status;
    *stays = false;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    *stays = S_ISDIR(status.st_mode) && entry->type == TAR_FOLDER;
    if (*stays || unlinkat(parent, name, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0) == 0)
        return 0;
    holm_error_set_errno(error, errno, "replace what is there");
    return -1;
}

static int unpack_entry(unpacking *self, const tar_entry *entry, Holm__Agent__V1__CopyResult *result,
                        holm_error **error) {
    cleanup_free char *name = NULL;
    bool stays;
    if (has_climb(entry->path)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the name leads out");
        return -1;
    }
    cleanup_free char *path = path_join(self->header->path, entry->path, NULL);
    cleanup_close int parent = inside_open_parent(self->root, path, true, &name, error);
    if (parent < 0 || make_room(entry, parent, name, &stays, error) < 0)
        return -1;
    result->entries++;
    if (entry->type == TAR_HARD_LINK)
        return make_link(self, parent, name, entry->link, error);
    int made = entry->type == TAR_FILE ? make_file(self, parent, name, entry->size, result, error)
               : stays                 ? 0
                                       : make_special(entry, parent, name, error);
    if (made < 0 || set_attributes(self, entry, parent, name, error) < 0)
        return -1;
    self->kept += entry->type == TAR_FOLDER ? strlen(path) + sizeof(folder_time) : 0;
    if (entry->type == TAR_FOLDER && self->kept <= FOLDERS_KEPT) {
        const folder_time folder = {steal_pointer(&path), {entry->mtime_seconds, entry->mtime_ns}};
        buffer_append(&self->folders, &folder, sizeof folder);
    }
    return 0;
}

static int set_folder_times(const unpacking *self, holm_error **error) {
    const folder_time *folders = (const folder_time *)self->folders.data;
    for (size_t i = 0; i < self->folders.length / sizeof *folders; i++) {
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, folders[i].time};
        cleanup_free char *name = NULL;
        cleanup_close int parent = inside_open_parent(self->root, folders[i].path, false, &name, error);
        if (parent < 0)
            return -1;
        // what has another one in its place, or has just gone, has no time of ours
        if (utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT) {
            holm_error_set_errno(error, errno, "set the time of %.200s", folders[i].path);
            return -1;
        }
    }
    return 0;
}

static void unpacking_finish(unpacking *self) {
    const folder_time *folders = (const folder_time *)self->folders.data;
    for (size_t i = 0; i < self->folders.length / sizeof *folders; i++)
        free(folders[i].path);
    buffer_finish(&self->folders);
    tar_reader_finish(&self->archive);
}

int copy_files_in(const Holm__Agent__V1__CopyHeader *header, int input, Holm__Agent__V1__CopyResult *result,
                  holm_error **error) {
    cleanup(unpacking_finish)
        unpacking self = {.header = header, .archive = {.read = read_input, .data = &input, .sparse = true}};
    cleanup_close int root = inside_root(false, error);
    cleanup_close int folder =
        root < 0 ? -1 : inside_open(root, header->path, O_PATH | O_DIRECTORY, 0, error);
    if (folder < 0)
        return -1;
    self.root = root;
    tar_entry entry;
    int more;
    while ((more = tar_reader_next(&self.archive, &entry, error)) > 0) {
        if (is_top(entry.path))
            continue;
        if (unpack_entry(&self, &entry, result, error) < 0) {
            holm_error_wrap(error, "copy %.200s into %.200s", entry.path, header->path);
            more = -1;
            break;
        }
    }
    return more < 0 ? -1 : set_folder_times(&self, error);
}
