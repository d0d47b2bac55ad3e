#include "guest/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "core/base/file.h"
#include "guest/changes.h"
#include "guest/container_mounts.h"
#include "guest/filesystem_watch.h"
#include "guest/fill.h"
#include "guest/inside.h"
#include "guest/mount.h"
#include "guest/process.h"
#include "guest/text.h"

// ---- volumes that may be new ----

static bool device_is_written(const char *path) {
    int reads = 1;
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && ioctl(fd, BLKROGET, &reads) == 0 && !reads;
}

// The image's folder alone, without what may be mounted in it; -1: there is none.
static int image_folder(int root, const char *destination) {
    cleanup_close int folder = inside_open(root, destination, O_PATH | O_DIRECTORY, 0, NULL);
    return folder < 0 ? -1 : open_tree(folder, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

// A volume that the container only reads is filled first, and then mounted anew.
static int mount_filled(const Holm__Agent__V1__MountRequest *request, mount_options *options, int image,
                        holm_error **error) {
    bool reads = options->set & MOUNT_ATTR_RDONLY, writes = device_is_written(request->source);
    if (writes)
        options->set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
    cleanup_close int fd = mount_create(request->type, request->source, options, error);
    if (fd < 0 || (writes ? fill_volume(image, fd, error) : fill_check(fd, error)) < 0)
        return -1;
    if (!writes || !reads)
        return steal_fd(&fd);
    close(steal_fd(&fd));
    options->set |= MOUNT_ATTR_RDONLY;
    return mount_create(request->type, request->source, options, error);
}

static int mount_volume(int root, const Holm__Agent__V1__MountRequest *request, holm_error **error) {
    mount_options options;
    cleanup_close int image = image_folder(root, request->destination);
    cleanup_close int fd = mount_options_parse(request->options, request->n_options, &options, error) < 0
                               ? -1
                               : mount_filled(request, &options, image, error);
    if (fd >= 0 && mount_place(fd, root, request->destination, request->create, error) == 0)
        return 0;
    holm_error_wrap(error, "mount %s on %s", request->source, request->destination);
    return -1;
}

static int mount_request(int root, const Holm__Agent__V1__MountRequest *request, const char *source,
                         holm_error **error) {
    if (request->fill && !request->outside && strcmp(request->type, "ext4") == 0)
        return mount_volume(root, request, error);
    return mount_at(root, request->type, source, request->destination, request->options, request->n_options,
                    request->create, error);
}

int files_mount_one(agent *self, const Holm__Agent__V1__MountRequest *request, holm_error **error) {
    if (!request->outside && container_mount_is_later(request->destination))
        return agent_keep_mount(self, request, error);
    cleanup_close int root = inside_root(request->outside, error);
    if (root < 0)
        return -1;
    // what a bind names is where the destination is, unless it is said to be outside
    cleanup_close int beside = -1, source = -1;
    bool bind = strcmp(request->type, "bind") == 0;
    if (bind && request->source_outside && (beside = inside_root(true, error)) < 0)
        return -1;
    if (bind && (source = inside_open(beside >= 0 ? beside : root, request->source, O_PATH, 0, error)) < 0)
        return -1;
    if (mount_request(root, request, bind ? inside_link_of(source).path : request->source, error) < 0)
        return -1;
    if (strcmp(request->type, "virtiofs") == 0)
        changes_expect();
    cleanup_close int mounted = inside_open(root, request->destination, O_PATH, 0, NULL);
    if (mounted >= 0 && strcmp(request->type, "ext4") == 0)
        filesystem_watch_add(self, inside_link_of(mounted).path, request->destination);
    return 0;
}

ProtobufCMessage *files_mount(agent *self, const ProtobufCMessage *message, holm_error **error) {
    return files_mount_one(self, (const void *)message, error) < 0 ? NULL : call_empty();
}

ProtobufCMessage *files_unmount(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__UnmountRequest *request = (const void *)message;
    (void)self;
    cleanup_close int root = inside_root(request->outside, error);
    cleanup_close int target = root < 0 ? -1 : inside_open(root, request->destination, O_PATH, 0, error);
    if (target < 0)
        return NULL;
    // umount2 wants a path, and a descriptor of ours would keep the mount busy: the link's text is both
    char path[PATH_MAX];
    ssize_t length = readlink(inside_link_of(target).path, path, sizeof path - 1);
    if (length < 0) {
        holm_error_set_errno(error, errno, "find %s", request->destination);
        return NULL;
    }
    path[length] = 0;
    close(steal_fd(&target));
    if (umount2(path, UMOUNT_NOFOLLOW | (request->lazy ? MNT_DETACH : 0)) < 0) {
        holm_error_set_errno(error, errno, "unmount %s", request->destination);
        return NULL;
    }
    return call_empty();
}

ProtobufCMessage *files_mkdir(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__MkdirRequest *request = (const void *)message;
    (void)self;
    mode_t mode = request->mode ? request->mode & 07777 : 0755;
    cleanup_close int root = inside_root(request->outside, error);
    if (root < 0)
        return NULL;
    cleanup_free char *name = NULL;
    cleanup_close int parent = inside_open_parent(root, request->path, request->parents, &name, error);
    if (parent < 0)
        return NULL;
    if (mkdirat(parent, name, mode) < 0 && !(request->parents && errno == EEXIST)) {
        holm_error_set_errno(error, errno, "make folder %s", request->path);
        return NULL;
    }
    return call_empty();
}

static int open_to_write(int root, const char *path, mode_t mode, bool append, holm_error **error) {
    int flags = O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | (append ? O_APPEND : O_TRUNC);
    cleanup_free char *name = NULL;
    cleanup_close int parent = inside_open_parent(root, path, true, &name, error);
    if (parent < 0)
        return -1;
    int fd = inside_open(root, path, flags, mode, NULL);
    // a link that leads nowhere, as images have it for resolv.conf
    if (fd < 0 && unlinkat(parent, name, 0) < 0 && errno != ENOENT) {
        holm_error_set_errno(error, errno, "replace %s", path);
        return -1;
    }
    return fd < 0 ? inside_open(root, path, flags, mode, error) : fd;
}

static int write_file(bool outside, const char *path, const ProtobufCBinaryData *content, mode_t mode,
                      bool append, holm_error **error) {
    cleanup_close int root = inside_root(outside, error);
    cleanup_close int fd = root < 0 ? -1 : open_to_write(root, path, mode, append, error);
    if (fd < 0)
        return -1;
    if (file_write_all(fd, content->data, content->len) < 0) {
        holm_error_set_errno(error, errno, "write %s", path);
        return -1;
    }
    return 0;
}

int files_replace(const char *path, const void *data, size_t length, mode_t mode, holm_error **error) {
    ProtobufCBinaryData content = {.len = length, .data = (uint8_t *)data};
    return write_file(false, path, &content, mode, false, error);
}

ProtobufCMessage *files_write(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__WriteFileRequest *request = (const void *)message;
    (void)self;
    mode_t mode = request->mode ? request->mode & 07777 : 0644;
    int result = write_file(request->outside, request->path, &request->content, mode, request->append, error);
    return result < 0 ? NULL : call_empty();
}

int files_write_machine_id(const char *id, holm_error **error) {
    char line[34];
    if (strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a machine id is 32 hexadecimal digits");
        return -1;
    }
    cleanup_close int root = inside_root(false, error);
    cleanup_close int old = root < 0 ? -1 : inside_open(root, "/etc/machine-id", O_PATH, 0, NULL);
    struct stat status;
    if (old >= 0 && fstat(old, &status) == 0 && status.st_size > 0)
        return 0;
    snprintf(line, sizeof line, "%s\n", id);
    return files_replace("/etc/machine-id", line, 33, 0444, error);
}

ProtobufCMessage *files_stat(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__StatRequest *request = (const void *)message;
    Holm__Agent__V1__StatResponse response = HOLM__AGENT__V1__STAT_RESPONSE__INIT;
    char target[PATH_MAX] = "";
    struct stat status;
    (void)self;
    cleanup_close int root = inside_root(false, error);
    if (root < 0)
        return NULL;
    int flags = O_PATH | (request->follow ? 0 : O_NOFOLLOW);
    cleanup_error holm_error *problem = NULL;
    cleanup_close int fd = inside_open(root, request->path, flags, 0, &problem);
    if (fd < 0 && holm_error_code_of(problem) != HOLM_ERROR_NOT_FOUND) {
        holm_error_propagate(error, steal_pointer(&problem));
        return NULL;
    }
    if (fd >= 0 && fstat(fd, &status) == 0) {
        response.found = true;
        response.mode = status.st_mode;
        response.uid = status.st_uid;
        response.gid = status.st_gid;
        response.size = (uint64_t)status.st_size;
        response.mtime_ns = status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec;
        ssize_t length = S_ISLNK(status.st_mode) ? readlinkat(fd, "", target, sizeof target - 1) : 0;
        target[length > 0 ? length : 0] = 0;
        response.target = target;
    }
    return agent_copy_message(&response.base);
}

static int operate(int fd, int operation, Holm__Agent__V1__FilesystemOperationResponse *response) {
    struct fstrim_range range = {.len = UINT64_MAX};
    struct statvfs status;
    switch (operation) {
    case HOLM__AGENT__V1__FILESYSTEM_OPERATION_REQUEST__OPERATION__TRIM:
        if (ioctl(fd, FITRIM, &range) < 0)
            return -1;
        response->bytes_trimmed = range.len;
        return 0;
    case HOLM__AGENT__V1__FILESYSTEM_OPERATION_REQUEST__OPERATION__FREEZE:
        return ioctl(fd, FIFREEZE, 0);
    case HOLM__AGENT__V1__FILESYSTEM_OPERATION_REQUEST__OPERATION__THAW:
        return ioctl(fd, FITHAW, 0);
    case HOLM__AGENT__V1__FILESYSTEM_OPERATION_REQUEST__OPERATION__SYNC:
        return syncfs(fd);
    default:
        if (fstatvfs(fd, &status) < 0)
            return -1;
        response->bytes_total = (uint64_t)status.f_blocks * status.f_frsize;
        response->bytes_free = (uint64_t)status.f_bavail * status.f_frsize;
        response->inodes_total = status.f_files;
        response->inodes_free = status.f_favail;
        return 0;
    }
}

// overlayfs knows neither trim nor freeze: for the root they go to the file system of its writable layer.
ProtobufCMessage *files_operation(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__FilesystemOperationRequest *request = (const void *)message;
    Holm__Agent__V1__FilesystemOperationResponse response =
        HOLM__AGENT__V1__FILESYSTEM_OPERATION_RESPONSE__INIT;
    bool whole_root = !*request->path || strcmp(request->path, "/") == 0;
    (void)self;
    cleanup_close int root = inside_root(whole_root, error);
    cleanup_close int fd = root < 0 ? -1
                                    : inside_open(root, whole_root ? "/run/holm/writable" : request->path,
                                                  O_RDONLY | O_NONBLOCK, 0, error);
    if (fd < 0)
        return NULL;
    if (operate(fd, (int)request->operation, &response) < 0) {
        holm_error_set_errno(error, errno, "file system operation on %s", whole_root ? "/" : request->path);
        return NULL;
    }
    return agent_copy_message(&response.base);
}
