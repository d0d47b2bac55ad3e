#include "guest/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "guest/boot.h"

static int check_path(const char *path, holm_error **error) {
    if (strlen(path) <= INSIDE_PATH_MAX)
        return 0;
    holm_error_set(error, HOLM_ERROR_LIMIT, "a path of more than %d bytes", INSIDE_PATH_MAX);
    return -1;
}

static int open_below(int root, const char *path, int flags, mode_t mode) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, root, *path ? path : "/", &how, sizeof how);
}

int inside_root(bool outside, holm_error **error) {
    const char *path = outside ? "/" : GUEST_ROOT;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        holm_error_set_errno(error, errno, "open %s", path);
    return fd;
}

int inside_open(int root, const char *path, int flags, mode_t mode, holm_error **error) {
    if (check_path(path, error) < 0)
        return -1;
    int fd = open_below(root, path, flags, mode);
    if (fd < 0)
        holm_error_set_errno(error, errno, "open %s", path);
    return fd;
}

// One more part of the path: `prefix` is the path down to and with it, `name` the part alone.
static int make_directory(int root, int parent, const char *prefix, const char *name, mode_t mode) {
    int fd = open_below(root, prefix, O_PATH | O_DIRECTORY, 0);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
        return -1;
    return open_below(root, prefix, O_PATH | O_DIRECTORY, 0);
}

int inside_make_directories(int root, const char *path, mode_t mode, holm_error **error) {
    if (check_path(path, error) < 0)
        return -1;
    cleanup_free char *prefix = strdup(path);
    cleanup_close int parent = open_below(root, "/", O_PATH | O_DIRECTORY, 0);
    for (char *at = prefix; parent >= 0;) {
        at += strspn(at, "/");
        if (!*at)
            return steal_fd(&parent);
        char *end = at + strcspn(at, "/"), kept = *end;
        *end = 0;
        int next = make_directory(root, parent, prefix, at, mode);
        *end = kept;
        int number = errno;
        close(parent);
        parent = next;
        errno = number;
        at = end;
    }
    holm_error_set_errno(error, errno, "make folder %s", path);
    return -1;
}

int inside_open_parent(int root, const char *path, bool make, char **name, holm_error **error) {
    if (check_path(path, error) < 0)
        return -1;
    cleanup_free char *folder = strdup(path);
    size_t length = strlen(folder);
    while (length && folder[length - 1] == '/')
        folder[--length] = 0;
    char *slash = strrchr(folder, '/');
    const char *last = slash ? slash + 1 : folder;
    if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" does not name a file", path);
        return -1;
    }
    cleanup_free char *kept = strdup(last);
    *(slash ? slash : folder) = 0;
    int fd = make ? inside_make_directories(root, folder, 0755, error)
                  : inside_open(root, folder, O_PATH | O_DIRECTORY, 0, error);
    if (fd >= 0)
        *name = steal_pointer(&kept);
    return fd;
}

inside_link inside_link_of(int fd) {
    inside_link link;
    snprintf(link.path, sizeof link.path, "/proc/self/fd/%d", fd);
    return link;
}
