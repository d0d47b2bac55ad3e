#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/copy/unpack_internal.h"

#define PIECE 65536

static int fail(int number, const char *what, holm_error **error) {
    holm_error_set_errno(error, number, "%s", what);
    return -1;
}

// ---- what is there already ----

// Makes room for something that is no folder, once it was found in the way.
static int make_room(int parent, const char *name, holm_error **error) {
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail(errno, "look at what is there", error);
    if (S_ISDIR(status.st_mode)) {
        holm_error_set(error, HOLM_ERROR_EXISTS, "there is a folder in its place");
        return -1;
    }
    return unlinkat(parent, name, 0) == 0 || errno == ENOENT ? 0
                                                             : fail(errno, "replace what is there", error);
}

// ---- attributes ----

static struct timespec *times_of(int64_t seconds, uint32_t ns, struct timespec times[2]) {
    times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
    times[1] = (struct timespec){.tv_sec = seconds, .tv_nsec = ns % 1000000000};
    return times;
}

// As other tools have it: who may not give files away keeps them.
static int own(int result) {
    return result == 0 || errno == EPERM || errno == EINVAL ? 0 : -1;
}

static int set_attributes(const unpacker *self, const tar_entry *entry, int fd, holm_error **error) {
    struct timespec times[2];
    if ((self->options->owner && own(fchown(fd, entry->uid, entry->gid)) < 0) ||
        fchmod(fd, entry->mode & 0777) < 0 ||
        futimens(fd, times_of(entry->mtime_seconds, entry->mtime_ns, times)) < 0)
        return fail(errno, "set owner, mode and time", error);
    return 0;
}

// ---- files ----

static bool is_zero(const uint8_t *bytes, size_t length) {
    return length && bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

// Runs of zeros become holes: a guest's file of a terabyte of nothing stays one here.
static int write_content(unpacker *self, int fd, uint64_t size, holm_error **error) {
    uint8_t piece[PIECE];
    for (ssize_t got; (got = tar_reader_content(&self->archive, piece, sizeof piece, error)) != 0;) {
        if (got < 0)
            return -1;
        if (is_zero(piece, (size_t)got) ? lseek(fd, got, SEEK_CUR) < 0
                                        : file_write_all(fd, piece, (size_t)got) < 0)
            return fail(errno, "write", error);
        self->result->bytes += (uint64_t)got;
    }
    return ftruncate(fd, (off_t)size) == 0 ? 0 : fail(errno, "write", error);
}

static int make_file(unpacker *self, const tar_entry *entry, int parent, const char *name,
                     holm_error **error) {
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    cleanup_close int fd = openat(parent, name, flags, 0600);
    if (fd < 0 && errno == EEXIST) {
        if (make_room(parent, name, error) < 0)
            return -1;
        fd = openat(parent, name, flags, 0600);
    }
    if (fd < 0)
        return fail(errno, "make the file", error);
    return write_content(self, fd, entry->size, error) < 0 ? -1 : set_attributes(self, entry, fd, error);
}

// ---- links ----

static int make_symbolic_link(const unpacker *self, const tar_entry *entry, int parent, const char *name,
                              holm_error **error) {
    struct timespec times[2];
    if (make_room(parent, name, error) < 0)
        return -1;
    if (symlinkat(entry->link, parent, name) < 0)
        return fail(errno, "make the link", error);
    if (self->options->owner && own(fchownat(parent, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW)) < 0)
        return fail(errno, "set its owner", error);
    return utimensat(parent, name, times_of(entry->mtime_seconds, entry->mtime_ns, times),
                     AT_SYMLINK_NOFOLLOW) == 0
               ? 0
               : fail(errno, "set its time", error);
}

// To a file that came before; whatever else stands there has no business in the archive.
static int make_hard_link(unpacker *self, const tar_entry *entry, int parent, const char *name,
                          holm_error **error) {
    const char *target_name;
    struct stat status;
    cleanup_free char *target = unpack_path(self, entry->link, error);
    cleanup_close int folder = target && *target ? unpack_open_parent(self, target, &target_name, error) : -1;
    if (folder < 0) {
        if (target && !*target)
            holm_error_set(error, HOLM_ERROR_INVALID, "a link to a folder");
        return -1;
    }
    if (fstatat(folder, target_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(errno, "find the file that it is a link to", error);
    if (S_ISDIR(status.st_mode)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a link to a folder");
        return -1;
    }
    if (linkat(folder, target_name, parent, name, 0) == 0)
        return 0;
    if (errno != EEXIST || make_room(parent, name, error) < 0)
        return error && *error ? -1 : fail(errno, "make the link", error);
    return linkat(folder, target_name, parent, name, 0) == 0 ? 0 : fail(errno, "make the link", error);
}

// ---- folders ----

// One that is there keeps its attributes; a new one gets them last, when nothing is made in it any more.
static int make_folder(unpacker *self, const tar_entry *entry, const char *path, int parent, const char *name,
                       holm_error **error) {
    struct stat status;
    if (mkdirat(parent, name, 0700) < 0) {
        if (errno != EEXIST || fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            return fail(errno, "make the folder", error);
        if (S_ISDIR(status.st_mode))
            return 0;
        holm_error_set(error, HOLM_ERROR_EXISTS, "there is a file or link in its place");
        return -1;
    }
    self->folder_bytes += strlen(path) + sizeof *self->folders;
    if (self->folder_bytes > UNPACK_FOLDERS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the archive has too many folders");
        return -1;
    }
    if ((self->folder_count & (self->folder_count - 1)) == 0) {
        size_t room = self->folder_count ? self->folder_count * 2 : 1;
        self->folders = reallocarray(self->folders, room, sizeof *self->folders);
        if (!self->folders)
            abort();
    }
    self->folders[self->folder_count++] = (unpack_folder){.path = strdup(path),
                                                          .mode = entry->mode,
                                                          .uid = entry->uid,
                                                          .gid = entry->gid,
                                                          .mtime_seconds = entry->mtime_seconds,
                                                          .mtime_ns = entry->mtime_ns};
    return 0;
}

int unpack_finish_folders(unpacker *self, holm_error **error) {
    const struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    for (size_t i = self->folder_count; i-- > 0;) {
        const unpack_folder *made = &self->folders[i];
        const tar_entry entry = {.mode = made->mode,
                                 .uid = made->uid,
                                 .gid = made->gid,
                                 .mtime_seconds = made->mtime_seconds,
                                 .mtime_ns = made->mtime_ns};
        cleanup_close int fd = (int)syscall(SYS_openat2, self->options->folder, made->path, &how, sizeof how);
        if (fd < 0)
            return fail(errno, "open a folder again", error);
        if (set_attributes(self, &entry, fd, error) < 0)
            return -1;
    }
    return 0;
}

// ---- the face ----

int unpack_entry(unpacker *self, const tar_entry *entry, const char *path, holm_error **error) {
    const char *name;
    cleanup_close int parent = unpack_open_parent(self, path, &name, error);
    if (parent < 0)
        return -1;
    switch (entry->type) {
    case TAR_FILE:
        return make_file(self, entry, parent, name, error);
    case TAR_FOLDER:
        return make_folder(self, entry, path, parent, name, error);
    case TAR_SYMBOLIC_LINK:
        return make_symbolic_link(self, entry, parent, name, error);
    case TAR_HARD_LINK:
        return make_hard_link(self, entry, parent, name, error);
    default:
        self->result->left_out++;
        return 0;
    }
}
