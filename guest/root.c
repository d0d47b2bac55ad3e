#include "guest/root.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/base/path.h"
#include "guest/boot.h"
#include "guest/inside.h"
#include "guest/mount.h"
#include "guest/uevent.h"

static char *partition_path(const char *device, unsigned number) {
    size_t length = strlen(device);
    bool ends_in_digit = length && isdigit((unsigned char)device[length - 1]);
    return path_format("%s%s%u", device, ends_in_digit ? "p" : "", number);
}

static void free_list(char **list, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

static int mount_disk(const char *device, const char *path, bool read_only, holm_error **error) {
    // Writable: no thread that reads every group's bitmap in the background, and no tables to be cleared
    // (they are holes).
    static const char *const reading[] = {"ro", "noatime"};
    static const char *const writing[] = {"rw", "noatime", "noinit_itable", "no_prefetch_block_bitmaps"};
    char *const *options = (char *const *)(read_only ? reading : writing);
    size_t count = read_only ? array_length(reading) : array_length(writing);
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        holm_error_set_errno(error, errno, "make folder %s", path);
        return -1;
    }
    cleanup_close int root = inside_root(true, error);
    return root < 0 ? -1 : mount_at(root, "ext4", device, path, options, count, false, error);
}

static int mount_writable(const char *device, holm_error **error) {
    if (*device)
        return mount_disk(device, GUEST_WRITABLE, false, error);
    if (mount("tmpfs", GUEST_WRITABLE, "tmpfs", 0, "mode=755") == 0)
        return 0;
    holm_error_set_errno(error, errno, "mount a tmpfs for the writable layer");
    return -1;
}

// The topmost layer whose root has an entry of its own. One that names the root only in passing has it as the
// layer writer leaves it: 0755, root's, from 1970.
static int open_lower_root(unsigned layers) {
    struct stat status;
    for (unsigned number = layers; number > 0; number--) {
        char path[64];
        snprintf(path, sizeof path, GUEST_LAYERS "/%u", number);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &status) == 0 &&
            ((status.st_mode & 07777) != 0755 || status.st_uid || status.st_gid || status.st_mtim.tv_sec ||
             status.st_mtim.tv_nsec))
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return -1;
}

static void copy_xattrs(int from, int to) {
    char names[4096], value[4096];
    ssize_t length = flistxattr(from, names, sizeof names);
    for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
        ssize_t size = fgetxattr(from, name, value, sizeof value);
        if (size >= 0 && strncmp(name, "trusted.overlay.", 16) != 0)
            fsetxattr(to, name, value, (size_t)size, 0);
    }
}

// overlayfs shows the upper layer's root, whatever the image says of it: on the first start it gets that.
static int copy_root(const char *upper, unsigned layers, holm_error **error) {
    struct stat status;
    cleanup_close int from = open_lower_root(layers);
    cleanup_close int to = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0)
        return 0;
    copy_xattrs(from, to);
    if (fstat(from, &status) == 0 && fchown(to, status.st_uid, status.st_gid) == 0 &&
        fchmod(to, status.st_mode & 07777) == 0 &&
        futimens(to, (struct timespec[]){status.st_atim, status.st_mtim}) == 0)
        return 0;
    holm_error_set_errno(error, errno, "give the root the attributes that the image says");
    return -1;
}

static int make_upper(unsigned layers, holm_error **error) {
    static const char upper[] = GUEST_WRITABLE "/upper", work[] = GUEST_WRITABLE "/work";
    bool fresh = mkdir(upper, 0755) == 0;
    if ((!fresh && errno != EEXIST) || (mkdir(work, 0755) < 0 && errno != EEXIST)) {
        holm_error_set_errno(error, errno, "make the folders of the writable layer");
        return -1;
    }
    return fresh ? copy_root(upper, layers, error) : 0;
}

// One lowerdir+ a layer: a single option string would be cut at the size of a page. The first one is the
// topmost.
static int create_overlay(unsigned layer_count, holm_error **error) {
    cleanup_close int context = fsopen("overlay", FSOPEN_CLOEXEC);
    if (context < 0) {
        holm_error_set_errno(error, errno, "a file system of type overlay");
        return -1;
    }
    for (unsigned number = layer_count; number > 0; number--) {
        char path[64];
        snprintf(path, sizeof path, GUEST_LAYERS "/%u", number);
        if (mount_context_set(context, "lowerdir+", path, error) < 0)
            return -1;
    }
    if (mount_context_set(context, "source", "overlay", error) < 0 ||
        mount_context_set(context, "upperdir", GUEST_WRITABLE "/upper", error) < 0 ||
        mount_context_set(context, "workdir", GUEST_WRITABLE "/work", error) < 0)
        return -1;
    return mount_context_create(context, "overlay of the layers", 0, error);
}

static int attach_root(unsigned layer_count, holm_error **error) {
    mount_options bind = {.bind = true};
    cleanup_close int target = open(GUEST_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cleanup_close int fd = layer_count ? create_overlay(layer_count, error)
                                       : mount_create("bind", GUEST_WRITABLE "/upper", &bind, error);
    if (fd < 0 || mount_attach(fd, target, error) < 0)
        return -1;
    if (mount(NULL, GUEST_ROOT, NULL, MS_SHARED, NULL) == 0)
        return 0;
    holm_error_set_errno(error, errno, "share the mounts of the root");
    return -1;
}

// A clone has seen this disk when it was empty.
static void read_partitions(const char *device) {
    cleanup_close int fd = open(device, O_RDONLY | O_CLOEXEC);
    cleanup_free char *first = partition_path(device, 1);
    if (fd >= 0 && access(first, F_OK) < 0)
        ioctl(fd, BLKRRPART);
}

static int wait_devices(char **devices, unsigned count, int uevents, holm_error **error) {
    return uevent_wait_paths(uevents, devices, count, ROOT_DEVICE_TIMEOUT_MS, error);
}

int root_mount(const Holm__Agent__V1__RootFilesystem *root, int uevents, holm_error **error) {
    unsigned layers = *root->layers_device ? root->layer_count : 0, count = layers;
    if (layers > ROOT_LAYERS_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "%u layers; the kernel takes %d", layers, ROOT_LAYERS_MAX);
        return -1;
    }
    char **devices = calloc(layers + 1U, sizeof *devices);
    if (!devices)
        abort();
    for (unsigned i = 0; i < layers; i++)
        devices[i] = partition_path(root->layers_device, i + 1);
    if (*root->writable_device)
        devices[count++] = strdup(root->writable_device);
    if (layers)
        read_partitions(root->layers_device);
    int result = wait_devices(devices, count, uevents, error);
    for (unsigned i = 0; result == 0 && i < layers; i++) {
        char path[64];
        snprintf(path, sizeof path, GUEST_LAYERS "/%u", i + 1);
        result = mount_disk(devices[i], path, true, error);
    }
    free_list(devices, count);
    if (result < 0 || mount_writable(root->writable_device, error) < 0 || make_upper(layers, error) < 0)
        return -1;
    return attach_root(layers, error);
}
