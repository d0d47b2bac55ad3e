#include "guest/container_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "guest/boot.h"
#include "guest/inside.h"
#include "guest/mount.h"

typedef struct standard_mount {
    const char *type;
    const char *destination;
    const char *options[8];
} standard_mount;

static const standard_mount standard[] = {
    {"proc", "/proc", {"nosuid", "nodev", "noexec"}},
    {"sysfs", "/sys", {"nosuid", "nodev", "noexec", "ro"}},
    {"cgroup2", "/sys/fs/cgroup", {"nosuid", "nodev", "noexec", "ro"}},
    {"tmpfs", "/dev", {"nosuid", "strictatime", "mode=755", "size=64k"}},
    {"devpts", "/dev/pts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
    {"tmpfs", "/dev/shm", {"nosuid", "nodev", "noexec", "mode=1777", "size=64m"}},
    {"mqueue", "/dev/mqueue", {"nosuid", "nodev", "noexec"}},
};

static const struct {
    const char *name;
    unsigned major, minor;
} nodes[] = {
    {"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

static const struct {
    const char *target;
    const char *name;
} links[] = {
    {"/proc/self/fd", "fd"},       {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
    {"/proc/self/fd/2", "stderr"}, {"/proc/kcore", "core"},      {"pts/ptmx", "ptmx"},
};

static const char *const masked_default[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
};

static const char *const read_only_default[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

bool container_mount_is_later(const char *destination) {
    static const char *const places[] = {"/proc", "/sys", "/dev"};
    destination += strspn(destination, "/");
    for (size_t i = 0; i < array_length(places); i++) {
        size_t length = strlen(places[i] + 1);
        if (strncmp(destination, places[i] + 1, length) == 0 &&
            (destination[length] == 0 || destination[length] == '/'))
            return true;
    }
    return false;
}

// With privileges: the whole /dev of the machine, and nothing is read-only.
static int mount_standard(const container_mounts *self, int root, const standard_mount *one,
                          holm_error **error) {
    bool whole_dev = self->privileged && strcmp(one->destination, "/dev") == 0;
    char *options[array_length(one->options)];
    size_t count = 0;
    for (size_t i = 0; !whole_dev && i < array_length(one->options) && one->options[i]; i++)
        if (!self->privileged || strcmp(one->options[i], "ro") != 0)
            options[count++] = (char *)one->options[i];
    return mount_at(root, whole_dev ? "devtmpfs" : one->type, one->type, one->destination, options, count,
                    true, error);
}

static int fill_dev(int root, bool privileged, holm_error **error) {
    cleanup_close int dev = inside_open(root, "/dev", O_PATH | O_DIRECTORY, 0, error);
    if (dev < 0)
        return -1;
    for (size_t i = 0; !privileged && i < array_length(nodes); i++) {
        if (mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0 ||
            fchmodat(dev, nodes[i].name, 0666, 0) < 0) {
            holm_error_set_errno(error, errno, "make device %s", nodes[i].name);
            return -1;
        }
    }
    for (size_t i = 0; i < array_length(links); i++)
        if (symlinkat(links[i].target, dev, links[i].name) < 0 && errno != EEXIST) {
            holm_error_set_errno(error, errno, "make link /dev/%s", links[i].name);
            return -1;
        }
    return 0;
}

static int mount_later(int root, const Holm__Agent__V1__MountRequest *one, holm_error **error) {
    return mount_at(root, one->type, one->source, one->destination, one->options, one->n_options, true,
                    error);
}

static int enter_root(int root, holm_error **error) {
    // with both arguments the same, the old root lies on top of the new one and is then taken off
    if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
        chdir("/") < 0) {
        holm_error_set_errno(error, errno, "enter the container's root");
        return -1;
    }
    return 0;
}

int container_mounts_enter(const container_mounts *self, int *devpts, holm_error **error) {
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0) {
        holm_error_set_errno(error, errno, "separate the mounts");
        return -1;
    }
    cleanup_close int root = inside_root(false, error);
    if (root < 0)
        return -1;
    for (size_t i = 0; i < array_length(standard); i++) {
        if (mount_standard(self, root, &standard[i], error) < 0 ||
            (strcmp(standard[i].destination, "/dev") == 0 && fill_dev(root, self->privileged, error) < 0))
            return -1;
    }
    for (size_t i = 0; i < self->later_count; i++)
        if (mount_later(root, self->later[i], error) < 0)
            return -1;
    *devpts = inside_open(root, "/dev/pts", O_RDONLY | O_DIRECTORY, 0, error);
    return *devpts < 0 ? -1 : enter_root(root, error);
}

// An empty read-only tmpfs over a folder, /dev/null over a file. What is not there needs no mask.
static int mask_path(int root, const char *path, holm_error **error) {
    cleanup_close int target = inside_open(root, path, O_PATH, 0, NULL);
    struct stat status;
    if (target < 0 || fstat(target, &status) < 0)
        return 0;
    inside_link link = inside_link_of(target);
    int result = S_ISDIR(status.st_mode) ? mount("tmpfs", link.path, "tmpfs", MS_RDONLY, "size=0k,mode=755")
                                         : mount("/dev/null", link.path, NULL, MS_BIND, NULL);
    if (result < 0)
        holm_error_set_errno(error, errno, "mask %s", path);
    return result;
}

static int make_read_only(int root, const char *path, holm_error **error) {
    mount_options options = {.set = 1 /* MOUNT_ATTR_RDONLY */, .bind = true, .recursive = true};
    cleanup_close int target = inside_open(root, path, O_PATH, 0, NULL);
    if (target < 0)
        return 0;
    cleanup_close int copy = mount_create("bind", inside_link_of(target).path, &options, error);
    return copy < 0 ? -1 : mount_attach(copy, target, error);
}

static int seal_root(int root, holm_error **error) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(root, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0)
        return 0;
    holm_error_set_errno(error, errno, "make the root read-only");
    return -1;
}

int container_mounts_seal(const container_mounts *self, holm_error **error) {
    char *const *masked = self->masked ? self->masked : (char *const *)masked_default;
    char *const *read_only = self->read_only_paths ? self->read_only_paths : (char *const *)read_only_default;
    size_t masked_count = self->masked ? self->masked_count : array_length(masked_default);
    size_t read_only_count = self->read_only_paths ? self->read_only_count : array_length(read_only_default);
    cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        holm_error_set_errno(error, errno, "open the root");
        return -1;
    }
    for (size_t i = 0; !self->privileged && i < read_only_count; i++)
        if (make_read_only(root, read_only[i], error) < 0)
            return -1;
    for (size_t i = 0; !self->privileged && i < masked_count; i++)
        if (mask_path(root, masked[i], error) < 0)
            return -1;
    return self->read_only ? seal_root(root, error) : 0;
}
