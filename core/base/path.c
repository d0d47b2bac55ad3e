#include "core/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/path_runtime.h"

char *path_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *path = NULL;
    if (vasprintf(&path, format, arguments) < 0)
        abort();
    va_end(arguments);
    return path;
}

char *path_join(const char *first, ...) {
    char *path = path_format("%s", first);
    va_list parts;
    va_start(parts, first);
    for (const char *part; (part = va_arg(parts, const char *));) {
        char *longer = path_format("%s/%s", path, part);
        free(path);
        path = longer;
    }
    va_end(parts);
    return path;
}

int path_make_directories(const char *path, holm_error **error) {
    cleanup_free char *copy = path_format("%s", path);
    for (char *slash = copy + 1; *slash; slash++) {
        if (*slash != '/')
            continue;
        *slash = 0;
        if (mkdir(copy, 0700) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES) {
            holm_error_set_errno(error, errno, "make the folder %s", copy);
            return -1;
        }
        *slash = '/';
    }
    if (mkdir(copy, 0700) < 0 && errno != EEXIST) {
        holm_error_set_errno(error, errno, "make the folder %s", copy);
        return -1;
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk) {
    (void)status, (void)walk;
    int result = flag == FTW_DP ? rmdir(path) : unlink(path);
    return result < 0 && errno != ENOENT ? -1 : 0;
}

int path_remove_tree(const char *path, holm_error **error) {
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT) {
        holm_error_set_errno(error, errno, "remove %s", path);
        return -1;
    }
    return 0;
}

static char *home_directory(const char *variable, const char *below_home) {
    const char *value = getenv(variable);
    if (value && value[0] == '/')
        return path_join(value, "holm", NULL);
    const char *home = getenv("HOME");
    if (!home || home[0] != '/')
        return NULL;
    return path_join(home, below_home, "holm", NULL);
}

int path_make_private(const char *path, holm_error **error) {
    if (path_make_directories(path, error) < 0)
        return -1;
    struct stat status;
    if (lstat(path, &status) < 0) {
        holm_error_set_errno(error, errno, "look at %s", path);
        return -1;
    }
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid()) {
        holm_error_set(error, HOLM_ERROR_DENIED, "%s is not a folder of this user", path);
        holm_error_hint(error, "move it away, holm makes its own");
        return -1;
    }
    if ((status.st_mode & 077) && chmod(path, 0700) < 0) {
        holm_error_set_errno(error, errno, "close %s to other users", path);
        return -1;
    }
    return 0;
}

// PREFIX from PREFIX/bin/holm or PREFIX/libexec/holm/holm-shim.
static char *own_prefix(holm_error **error) {
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) {
        holm_error_set_errno(error, errno, "find the running program by /proc/self/exe");
        return NULL;
    }
    program[length] = 0;
    static const char *const tails[] = {"/libexec/holm", "/bin"};
    char *slash = strrchr(program, '/');
    *slash = 0;
    for (size_t i = 0; i < array_length(tails); i++) {
        size_t have = strlen(program), tail = strlen(tails[i]);
        if (have >= tail && strcmp(program + have - tail, tails[i]) == 0) {
            program[have - tail] = 0;
            break;
        }
    }
    return path_format("%s", program);
}

int paths_init(paths *self, holm_error **error) {
    *self = (paths){0};
    cleanup_free char *prefix = own_prefix(error);
    if (!prefix)
        return -1;
    self->data = home_directory("XDG_DATA_HOME", ".local/share");
    self->cache = home_directory("XDG_CACHE_HOME", ".cache");
    self->config = home_directory("XDG_CONFIG_HOME", ".config");
    self->libexec = path_join(prefix, "libexec/holm", NULL);
    self->share = path_join(prefix, "share/holm", NULL);
    if (!self->data || !self->cache || !self->config) {
        holm_error_set(error, HOLM_ERROR_INVALID, "HOME is not set to an absolute path");
        paths_finish(self);
        return -1;
    }
    if (path_make_private(self->data, error) < 0 || path_make_private(self->cache, error) < 0 ||
        !(self->runtime = path_runtime_find(self->data, error))) {
        paths_finish(self);
        return -1;
    }
    return 0;
}

void paths_finish(paths *self) {
    free(self->data);
    free(self->runtime);
    free(self->cache);
    free(self->config);
    free(self->libexec);
    free(self->share);
    *self = (paths){0};
}

#if defined(__x86_64__)
#define ARCHITECTURE "x86_64"
#define KERNEL_IMAGE "vmlinux"
#elif defined(__aarch64__)
#define ARCHITECTURE "aarch64"
#define KERNEL_IMAGE "Image"
#else
#error "there is no guest kernel for this architecture"
#endif

static char *find_part(const char *variable, const char *usual, const char *what, const char *hint,
                       holm_error **error) {
    const char *chosen = getenv(variable);
    const char *path = chosen && chosen[0] ? chosen : usual;
    char *resolved = realpath(path, NULL);
    if (!resolved) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the %s is not at %s", what, path);
        holm_error_hint(error, "%s", hint);
    }
    return resolved;
}

char *paths_find_kernel(const paths *self, holm_error **error) {
    cleanup_free char *usual = path_join(self->cache, "kernel", ARCHITECTURE, KERNEL_IMAGE, NULL);
    return find_part("HOLM_KERNEL", usual, "guest kernel", "build it once with kernel/build.sh", error);
}

char *paths_find_initramfs(const paths *self, holm_error **error) {
    cleanup_free char *usual = path_join(self->share, "initramfs-" ARCHITECTURE ".cpio", NULL);
    return find_part("HOLM_INITRAMFS", usual, "guest image with the agent", "build and install holm again",
                     error);
}
