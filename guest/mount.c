#include "guest/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "guest/inside.h"

// What the file system itself said about the failure (the context keeps its messages), else errno's text.
static void context_error(int context, const char *what, holm_error **error) {
    int number = errno;
    char message[512];
    ssize_t length = read(context, message, sizeof message - 1);
    if (length <= 2) {
        holm_error_set_errno(error, number, "%s", what);
        return;
    }
    message[length] = 0;
    message[strcspn(message, "\n")] = 0;
    holm_error_set_errno(error, number, "%s (%s)", what, message + 2); // "e text"
}

int mount_context_set(int context, const char *key, const char *value, holm_error **error) {
    if (fsconfig(context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) == 0)
        return 0;
    char what[300];
    snprintf(what, sizeof what, "mount option %s%s%.200s", key, value ? "=" : "", value ? value : "");
    context_error(context, what, error);
    return -1;
}

int mount_context_create(int context, const char *what, uint64_t attributes, holm_error **error) {
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        context_error(context, what, error);
        return -1;
    }
    int fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned)attributes);
    if (fd < 0)
        context_error(context, what, error);
    return fd;
}

static int create_filesystem(const char *type, const char *source, const mount_options *options,
                             holm_error **error) {
    cleanup_close int context = fsopen(type, FSOPEN_CLOEXEC);
    if (context < 0) {
        holm_error_set_errno(error, errno, "a file system of type %.40s", type);
        return -1;
    }
    if (*source && mount_context_set(context, "source", source, error) < 0)
        return -1;
    // a disk that is to be read only must not be written by its own file system either (journal)
    if ((options->set & MOUNT_ATTR_RDONLY) && *source == '/' &&
        mount_context_set(context, "ro", NULL, error) < 0)
        return -1;
    for (size_t i = 0; i < options->data_count; i++) {
        char key[MOUNT_OPTION_SIZE + 1];
        snprintf(key, sizeof key, "%s", options->data[i]);
        char *equals = strchr(key, '=');
        if (equals)
            *equals++ = 0;
        if (mount_context_set(context, key, equals, error) < 0) {
            if (strcmp(type, "virtiofs") == 0) // its options are holm's own
                holm_error_wrap(error, "the guest's kernel is older than this holm, build it anew");
            return -1;
        }
    }
    return mount_context_create(context, type, options->set, error);
}

static int create_bind(const char *source, const mount_options *options, holm_error **error) {
    unsigned recursive = options->recursive ? AT_RECURSIVE : 0;
    cleanup_close int fd = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
    struct mount_attr attributes = {.attr_set = options->set, .attr_clr = options->clear};
    if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH | recursive, &attributes, sizeof attributes) < 0) {
        holm_error_set_errno(error, errno, "bind %s", source);
        return -1;
    }
    return steal_fd(&fd);
}

int mount_create(const char *type, const char *source, const mount_options *options, holm_error **error) {
    bool bind = options->bind || strcmp(type, "bind") == 0;
    cleanup_close int fd =
        bind ? create_bind(source, options, error) : create_filesystem(type, source, options, error);
    if (fd < 0)
        return -1;
    struct mount_attr attributes = {.propagation = options->propagation};
    unsigned flags = AT_EMPTY_PATH | (options->propagation_recursive ? AT_RECURSIVE : 0);
    if (options->propagation && mount_setattr(fd, "", flags, &attributes, sizeof attributes) < 0) {
        holm_error_set_errno(error, errno, "set the propagation of %s", source);
        return -1;
    }
    return steal_fd(&fd);
}

int mount_attach(int fd, int target, holm_error **error) {
    if (move_mount(fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0)
        return 0;
    holm_error_set_errno(error, errno, "put a mount in its place");
    return -1;
}

int mount_target(int root, const char *destination, bool create, bool folder, holm_error **error) {
    if (!create)
        return inside_open(root, destination, O_PATH, 0, error);
    if (folder)
        return inside_make_directories(root, destination, 0755, error);
    cleanup_free char *name = NULL;
    cleanup_close int parent = inside_open_parent(root, destination, true, &name, error);
    if (parent < 0)
        return -1;
    int made = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (made >= 0)
        close(made);
    return inside_open(root, destination, O_PATH, 0, error);
}

int mount_place(int fd, int root, const char *destination, bool create, holm_error **error) {
    struct stat status;
    if (fstatat(fd, "", &status, AT_EMPTY_PATH) < 0) {
        holm_error_set_errno(error, errno, "look at the new mount");
        return -1;
    }
    cleanup_close int target = mount_target(root, destination, create, S_ISDIR(status.st_mode), error);
    return target < 0 ? -1 : mount_attach(fd, target, error);
}

int mount_at(int root, const char *type, const char *source, const char *destination, char *const *options,
             size_t option_count, bool create, holm_error **error) {
    mount_options parsed;
    cleanup_close int fd = mount_options_parse(options, option_count, &parsed, error) < 0
                               ? -1
                               : mount_create(type, source, &parsed, error);
    if (fd >= 0 && mount_place(fd, root, destination, create, error) == 0)
        return 0;
    holm_error_wrap(error, "mount %s on %s", *source ? source : type, destination);
    return -1;
}
