#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/share/share.h"

#define NEW_ROOT "/tmp" // hidden by it, in this process's mounts only

static int enter_namespaces(bool *many, holm_error **error) {
    const uid_t user = geteuid();
    const gid_t group = getegid();
    share_ids ids;
    share_ids_begin(&ids);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0) {
        holm_error_set_errno(error, errno, "make a user namespace for shared folders");
        return -1;
    }
    int mapped = share_ids_finish(&ids, user, group, error);
    *many = mapped > 0;
    if (mapped < 0)
        return -1;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        return 0;
    holm_error_set_errno(error, errno, "separate the mounts of shared folders");
    return -1;
}

// A copy of what is mounted there, that no path leads to yet.
static int copy_tree(const char *path, bool read_only, holm_error **error) {
    cleanup_close int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                                (read_only ? MOUNT_ATTR_RDONLY : 0)};
    if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) < 0) {
        holm_error_set_errno(error, errno, "share %s", path);
        return -1;
    }
    return steal_fd(&fd);
}

static int attach(int tree, const char *place, holm_error **error) {
    struct stat status;
    int made = -1;
    if (fstat(tree, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            made = mkdir(place, 0755);
        else if ((made = open(place, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644)) >= 0)
            close(made);
    }
    if (made >= 0 && move_mount(tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH) == 0)
        return 0;
    holm_error_set_errno(error, errno, "put a share at %s", place);
    return -1;
}

// /lib is a link into /usr, or a folder.
static int add_system(const char *path, holm_error **error) {
    char target[PATH_MAX], place[64];
    snprintf(place, sizeof place, NEW_ROOT "%s", path);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length > 0) {
        target[length] = 0;
        if (symlink(target, place) == 0)
            return 0;
        holm_error_set_errno(error, errno, "link %s", place);
        return -1;
    }
    if (access(path, F_OK) < 0)
        return 0;
    cleanup_close int tree = copy_tree(path, true, error);
    return tree < 0 ? -1 : attach(tree, place, error);
}

// The part of `path` beneath `folder`: "" where they are the same; NULL: it is not in it.
static const char *beneath(const char *path, const char *folder) {
    size_t length = strlen(folder);
    if (strcmp(folder, "/") == 0)
        return path + 1;
    if (strncmp(path, folder, length) != 0 || (path[length] && path[length] != '/'))
        return NULL;
    return path + length + (path[length] == '/');
}

// Links are not followed: somebody else may be writing there.
static int hide(const char *place, const char *rest, holm_error **error) {
    const struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                                 .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
    cleanup_close int top = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cleanup_close int fd = top < 0 ? -1 : (int)syscall(SYS_openat2, top, rest, &how, sizeof how);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (fd >= 0 && mount("tmpfs", link, "tmpfs", MS_RDONLY, "size=0,mode=755") == 0)
        return 0;
    holm_error_set_errno(error, errno, "hide holm's own folder %s from the container", rest);
    return -1;
}

static int hide_own(const share_request *request, const char *path, const char *place, holm_error **error) {
    for (size_t i = 0; i < request->hidden_count; i++) {
        const char *rest = beneath(request->hidden[i], path);
        if (beneath(path, request->hidden[i])) {
            holm_error_set(error, HOLM_ERROR_DENIED, "%s is holm's own and cannot be mounted", path);
            return -1;
        }
        if (rest && hide(place, rest, error) < 0)
            return -1;
    }
    return 0;
}

static int enter_root(holm_error **error) {
    // With both the same the old root lies on top of the new one, and is taken off.
    if (chdir(NEW_ROOT) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
        chdir("/") == 0)
        return 0;
    holm_error_set_errno(error, errno, "enter the root of shared folders");
    return -1;
}

static int build_root(const share_request *request, char real[][PATH_MAX], const int *trees,
                      holm_error **error) {
    static const char *const system[] = {"/usr", "/lib", "/lib64", "/proc"};
    if (mount("tmpfs", NEW_ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755") < 0 ||
        mkdir(NEW_ROOT SHARE_FOLDER, 0755) < 0) {
        holm_error_set_errno(error, errno, "make a root for shared folders");
        return -1;
    }
    for (size_t i = 0; i < array_length(system); i++)
        if (add_system(system[i], error) < 0)
            return -1;
    for (size_t i = 0; i < request->count; i++) {
        char place[64];
        snprintf(place, sizeof place, NEW_ROOT SHARE_FOLDER "/%zu", i);
        if (attach(trees[i], place, error) < 0 || hide_own(request, real[i], place, error) < 0)
            return -1;
    }
    return enter_root(error);
}

// Before anything is hidden by the new root.
static int open_all(share_request *request, char real[][PATH_MAX], char hidden[][PATH_MAX], int *trees,
                    holm_error **error) {
    size_t kept = 0;
    for (size_t i = 0; i < request->hidden_count; i++)
        if (realpath(request->hidden[i], hidden[kept])) {
            request->hidden[kept] = hidden[kept];
            kept++;
        }
    request->hidden_count = kept;
    for (size_t i = 0; i < request->count; i++) {
        if (!realpath(request->trees[i].path, real[i])) {
            holm_error_set_errno(error, errno, "find %s, which the container mounts", request->trees[i].path);
            return -1;
        }
        if ((trees[i] = copy_tree(real[i], request->trees[i].read_only, error)) < 0)
            return -1;
    }
    return 0;
}

int share_root_enter(const share_request *asked, bool *many, holm_error **error) {
    static char real[SHARE_MOST][PATH_MAX], hidden[SHARE_HIDDEN][PATH_MAX];
    int trees[SHARE_MOST];
    share_request request = *asked;
    int result = enter_namespaces(many, error) == 0 && open_all(&request, real, hidden, trees, error) == 0
                     ? build_root(&request, real, trees, error)
                     : -1;
    if (result == 0) // what is left open would lead back out; descriptors 3 to 5 are meant
        syscall(SYS_close_range, 6, UINT_MAX, 0);
    return result;
}
