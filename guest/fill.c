#include "guest/fill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/base/cleanup.h"

#define ATTRIBUTE_MOST 65536 // bytes of a value, and of a list of names (xattr(7))
#define COPY_MOST      ((size_t)1 << 30)

typedef struct filling {
    int to;              // the volume's root
    void *links;         // files with several names that are there already (tsearch)
    char path[PATH_MAX]; // where it is, below the root
    size_t length;
    char names[ATTRIBUTE_MOST];
    char value[ATTRIBUTE_MOST];
} filling;

typedef struct linked_file {
    dev_t device;
    ino_t inode;
    char path[]; // of its first name
} linked_file;

static int fail(const filling *self, const char *what, holm_error **error) {
    holm_error_set_errno(error, errno, "%s /%s", what, self->path);
    return -1;
}

static bool is_itself(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int open_folder(int parent, const char *name) {
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// The entries of a folder, by a descriptor of its own.
static DIR *list_folder(int folder) {
    cleanup_close int own = open_folder(folder, ".");
    DIR *list = own < 0 ? NULL : fdopendir(own);
    if (list)
        own = -1;
    return list;
}

// ---- one entry ----

// Paths as calls that know no descriptors want them; a name has at most 255 bytes.
static void name_of(char out[300], int folder, const char *name) {
    snprintf(out, 300, "/proc/self/fd/%d/%s", folder, name);
}

static int copy_attributes(filling *self, int from, int to, const char *name, holm_error **error) {
    char source[300], target[300];
    name_of(source, from, name);
    name_of(target, to, name);
    ssize_t length = llistxattr(source, self->names, sizeof self->names);
    if (length < 0)
        return errno == EOPNOTSUPP ? 0 : fail(self, "list the attributes of", error);
    for (const char *at = self->names; at < self->names + length; at += strlen(at) + 1) {
        ssize_t size = lgetxattr(source, at, self->value, sizeof self->value);
        if (strcmp(at, FILL_MARK) != 0 &&
            (size < 0 || lsetxattr(target, at, self->value, (size_t)size, 0) < 0))
            return fail(self, "keep the attributes of", error);
    }
    return 0;
}

// The owner first: changing it takes the set-user-id bits and the capabilities away. A link has no mode.
static int keep_status(filling *self, int from, int to, const char *name, const struct stat *status,
                       holm_error **error) {
    const struct timespec times[2] = {status->st_atim, status->st_mtim};
    if (fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(self, "keep the owner of", error);
    if (!S_ISLNK(status->st_mode) && fchmodat(to, name, status->st_mode & 07777, 0) < 0)
        return fail(self, "keep the mode of", error);
    if (copy_attributes(self, from, to, name, error) < 0)
        return -1;
    if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(self, "keep the times of", error);
    return 0;
}

static int copy_part(int from, int to, off_t begin, off_t end) {
    if (lseek(to, begin, SEEK_SET) < 0)
        return -1;
    while (begin < end) {
        size_t left = (size_t)(end - begin);
        ssize_t sent = sendfile(to, from, &begin, left < COPY_MOST ? left : COPY_MOST);
        if (sent == 0)
            return 0; // shorter than it said
        if (sent < 0 && errno != EINTR)
            return -1;
    }
    return 0;
}

// Holes stay holes.
static int copy_content(int from, int to, off_t size) {
    for (off_t at = 0, end; at < size; at = end) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; // a hole to the end
        if (data < 0 || (end = lseek(from, data, SEEK_HOLE)) < 0 || copy_part(from, to, data, end) < 0)
            return -1;
    }
    return ftruncate(to, size);
}

static int copy_file(filling *self, int from, int to, const char *name, off_t size, holm_error **error) {
    cleanup_close int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    cleanup_close int target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (source < 0 || target < 0 || copy_content(source, target, size) < 0)
        return fail(self, "copy", error);
    return 0;
}

static int copy_link(filling *self, int from, int to, const char *name, holm_error **error) {
    char target[PATH_MAX];
    ssize_t length = readlinkat(from, name, target, sizeof target - 1);
    if (length < 0)
        return fail(self, "read the link", error);
    target[length] = 0;
    return symlinkat(target, to, name) < 0 ? fail(self, "make the link", error) : 0;
}

static int compare_files(const void *a, const void *b) {
    const linked_file *first = a, *second = b;
    if (first->device != second->device)
        return first->device < second->device ? -1 : 1;
    return first->inode < second->inode ? -1 : first->inode > second->inode;
}

// The file's first name, where it has been copied already; else this one is kept.
static const char *first_name(filling *self, const struct stat *status) {
    if (S_ISDIR(status->st_mode) || status->st_nlink < 2)
        return NULL;
    linked_file *file = malloc(sizeof *file + self->length + 1);
    if (!file)
        abort();
    file->device = status->st_dev;
    file->inode = status->st_ino;
    memcpy(file->path, self->path, self->length + 1);
    linked_file **found = tsearch(file, &self->links, compare_files);
    if (!found)
        abort();
    if (*found == file)
        return NULL;
    free(file);
    return (*found)->path;
}

static int copy_folder(filling *self, int from, int to, unsigned depth, holm_error **error);

static int copy_below(filling *self, int from, int to, const char *name, unsigned depth, holm_error **error) {
    cleanup_close int source = open_folder(from, name);
    if (source < 0 || mkdirat(to, name, 0700) < 0)
        return fail(self, "copy the folder", error);
    cleanup_close int target = open_folder(to, name);
    return target < 0 ? fail(self, "open", error) : copy_folder(self, source, target, depth + 1, error);
}

static int copy_entry(filling *self, int from, int to, const char *name, unsigned depth, holm_error **error) {
    struct stat status;
    if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(self, "look at", error);
    const char *first = first_name(self, &status);
    if (first)
        return linkat(self->to, first, to, name, 0) < 0 ? fail(self, "link", error) : 0;
    int result = S_ISDIR(status.st_mode)   ? copy_below(self, from, to, name, depth, error)
                 : S_ISREG(status.st_mode) ? copy_file(self, from, to, name, status.st_size, error)
                 : S_ISLNK(status.st_mode) ? copy_link(self, from, to, name, error)
                 : mknodat(to, name, status.st_mode, status.st_rdev) < 0 ? fail(self, "make", error)
                                                                         : 0;
    return result < 0 ? -1 : keep_status(self, from, to, name, &status, error);
}

static int copy_folder(filling *self, int from, int to, unsigned depth, holm_error **error) {
    size_t length = self->length;
    cleanup_directory DIR *list = list_folder(from);
    if (!list)
        return fail(self, "list the folder", error);
    if (depth > FILL_DEEPEST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "more than %d folders in each other", FILL_DEEPEST);
        return -1;
    }
    int result = 0;
    errno = 0;
    for (const struct dirent *entry; result == 0 && (entry = readdir(list)); errno = 0) {
        if (is_itself(entry->d_name))
            continue;
        int put = snprintf(self->path + length, sizeof self->path - length, "%s%s", length ? "/" : "",
                           entry->d_name);
        if ((size_t)put >= sizeof self->path - length) {
            holm_error_set(error, HOLM_ERROR_LIMIT, "a path of more than %d bytes", PATH_MAX - 1);
            return -1;
        }
        self->length = length + (size_t)put;
        result = copy_entry(self, from, to, entry->d_name, depth, error);
        self->length = length;
        self->path[length] = 0;
    }
    return result == 0 && errno ? fail(self, "list the folder", error) : result;
}

// ---- the volume ----

// What file system checkers keep at the root is nobody's content.
static bool is_content(const char *name) {
    return !is_itself(name) && strcmp(name, "lost+found") != 0;
}

static int find_content(int to, bool *empty, holm_error **error) {
    cleanup_directory DIR *list = list_folder(to);
    if (!list) {
        holm_error_set_errno(error, errno, "list the volume");
        return -1;
    }
    *empty = true;
    for (const struct dirent *entry; *empty && (entry = readdir(list));)
        *empty = !is_content(entry->d_name);
    return 0;
}

static int clear_folder(int folder, unsigned depth) {
    cleanup_directory DIR *list = list_folder(folder);
    if (!list || depth > FILL_DEEPEST)
        return -1;
    for (const struct dirent *entry; (entry = readdir(list));) {
        if (is_itself(entry->d_name) || (depth == 0 && !is_content(entry->d_name)))
            continue;
        cleanup_close int below = open_folder(folder, entry->d_name);
        if ((below >= 0 && clear_folder(below, depth + 1) < 0) ||
            unlinkat(folder, entry->d_name, below >= 0 ? AT_REMOVEDIR : 0) < 0)
            return -1;
    }
    return 0;
}

static bool has_mark(int to, const char *mark) {
    char value[16];
    ssize_t length = fgetxattr(to, FILL_MARK, value, sizeof value);
    return length == (ssize_t)strlen(mark) && memcmp(value, mark, (size_t)length) == 0;
}

// On the disk when it returns: what is written later can only be there with it.
static int set_mark(int to, const char *mark, holm_error **error) {
    if (fsetxattr(to, FILL_MARK, mark, strlen(mark), 0) == 0 && fsync(to) == 0)
        return 0;
    holm_error_set_errno(error, errno, "mark the volume as %s", mark);
    return -1;
}

static int copy_all(int from, int to, holm_error **error) {
    filling *self = calloc(1, sizeof *self);
    struct stat status;
    if (!self)
        abort();
    self->to = to;
    int result = copy_folder(self, from, to, 0, error);
    if (result == 0)
        result = fstat(from, &status) < 0 ? fail(self, "look at", error)
                                          : keep_status(self, from, to, ".", &status, error);
    if (result == 0 && syncfs(to) < 0)
        result = fail(self, "write", error);
    tdestroy(self->links, free);
    free(self);
    return result;
}

static int fill(int from, int to, holm_error **error) {
    bool empty, begun = has_mark(to, FILL_BEGUN);
    if ((!begun && has_mark(to, FILL_DONE)) || (from < 0 && !begun))
        return 0;
    if (!begun && (find_content(to, &empty, error) < 0 || !empty))
        return *error ? -1 : 0;
    if (!begun && set_mark(to, FILL_BEGUN, error) < 0)
        return -1;
    if (begun && clear_folder(to, 0) < 0) {
        holm_error_set_errno(error, errno, "empty the volume that was left half filled");
        return -1;
    }
    return (from >= 0 && copy_all(from, to, error) < 0) ? -1 : set_mark(to, FILL_DONE, error);
}

int fill_volume(int from, int to, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    cleanup_close int source = from < 0 ? -1 : open_folder(from, ".");
    cleanup_close int target = open_folder(to, ".");
    if ((from >= 0 && source < 0) || target < 0)
        holm_error_set_errno(&cause, errno, "open");
    else if (fill(source, target, &cause) == 0)
        return 0;
    holm_error_propagate(error, steal_pointer(&cause));
    holm_error_wrap(error, "fill the new volume from the image");
    return -1;
}

int fill_check(int to, holm_error **error) {
    cleanup_close int target = open_folder(to, ".");
    if (target < 0 || !has_mark(target, FILL_BEGUN))
        return 0;
    holm_error_set(error, HOLM_ERROR_STATE, "the volume was left half filled from its image");
    holm_error_hint(error, "start a container once that mounts it to write: then it is filled anew");
    return -1;
}
