#include "guest/live_mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/base/buffer.h"
#include "core/base/path.h"
#include "guest/boot.h"
#include "guest/call.h"
#include "guest/container_mounts.h"
#include "guest/files.h"
#include "guest/inside.h"
#include "guest/mount_users.h"
#include "guest/mountinfo.h"
#include "guest/text.h"

#define PASSAGE        "/run/holm/live" // where a share is for the moment in which the container gets its part
#define MOUNTINFO_MOST (1u << 20)

typedef Holm__Agent__V1__MountRequest mount_request;

// ---- disks by their serials ----

static bool has_serial(const char *disk, const char *serial) {
    cleanup_free char *path = path_join("/sys/block", disk, "serial", NULL);
    cleanup_free char *text = text_read(AT_FDCWD, path, 64, NULL);
    if (text)
        text[strcspn(text, "\n")] = 0;
    return text && strcmp(text, serial) == 0;
}

// "/dev/vdc"; the caller frees it.
static char *find_disk(const char *serial, holm_error **error) {
    cleanup_directory DIR *list = opendir("/sys/block");
    for (const struct dirent *entry; list && (entry = readdir(list));)
        if (strncmp(entry->d_name, "vd", 2) == 0 && has_serial(entry->d_name, serial))
            return path_join("/dev", entry->d_name, NULL);
    holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the machine has no disk \"%.40s\"", serial);
    return NULL;
}

// ---- one more ----

static int check_place(const char *destination, holm_error **error) {
    struct statx status;
    if (container_mount_is_later(destination)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "%s belongs to the container's own file systems",
                       destination);
        return -1;
    }
    cleanup_close int root = inside_root(false, error);
    if (root < 0)
        return -1;
    cleanup_close int fd = inside_open(root, destination, O_PATH, 0, NULL);
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) < 0 ||
        !(status.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return 0;
    holm_error_set(error, HOLM_ERROR_EXISTS, "something is mounted at %s already", destination);
    return -1;
}

static int add_disk(agent *self, const mount_request *asked, holm_error **error) {
    mount_request mount = *asked;
    cleanup_free char *device = find_disk(asked->source, error);
    mount.source = device;
    return device ? files_mount_one(self, &mount, error) : -1;
}

// The container gets a part of the share, so that a single file can be one, too.
static int add_share(agent *self, const mount_request *asked, holm_error **error) {
    cleanup_free char *passage = path_join(PASSAGE, asked->source, NULL);
    cleanup_free char *part = path_join(passage, "0", NULL);
    mount_request whole = HOLM__AGENT__V1__MOUNT_REQUEST__INIT, mount = *asked;
    whole.type = (char *)"virtiofs";
    whole.source = asked->source;
    whole.destination = passage;
    whole.outside = whole.create = true;
    whole.options = asked->options; // those of the file system; the part is bound with the others
    whole.n_options = asked->n_options;
    if (files_mount_one(self, &whole, error) < 0)
        return -1;
    mount.type = (char *)"bind";
    mount.source = part;
    mount.source_outside = true;
    int result = files_mount_one(self, &mount, error);
    umount2(passage, MNT_DETACH);
    rmdir(passage);
    return result;
}

ProtobufCMessage *live_mount_add(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const mount_request *request = (const void *)message;
    if (strchr(request->source, '/')) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%.40s\" is no device", request->source);
        return NULL;
    }
    if (check_place(request->destination, error) < 0)
        return NULL;
    int result = strcmp(request->type, "virtiofs") == 0 ? add_share(self, request, error)
                 : strcmp(request->type, "ext4") == 0   ? add_disk(self, request, error)
                                                        : files_mount_one(self, request, error);
    return result < 0 ? NULL : call_empty();
}

// ---- one less ----

typedef struct live_mount {
    const Holm__Agent__V1__MountRemoveRequest *request;
    char *device; // of a disk
    dev_t number; // of the file system, where it is known
    char *place;  // of one in memory, as the agent sees it
} live_mount;

static void live_mount_finish(live_mount *self) {
    free(self->device);
    free(self->place);
}

static bool is_meant(const mountinfo *mount, const void *data) {
    const live_mount *self = data;
    if (self->number)
        return makedev(mount->major, mount->minor) == self->number;
    if (strcmp(mount->type, self->request->type) != 0)
        return false;
    return self->place ? strcmp(mount->place, self->place) == 0
                       : strcmp(mount->source, self->request->source) == 0 &&
                             mountinfo_shows(mount, self->request->part);
}

static char *place_of(const char *destination, holm_error **error) {
    char path[INSIDE_PATH_MAX + 1];
    cleanup_close int root = inside_root(false, error);
    cleanup_close int fd = root < 0 ? -1 : inside_open(root, destination, O_PATH, 0, error);
    ssize_t length = fd < 0 ? -1 : readlink(inside_link_of(fd).path, path, sizeof path - 1);
    if (length < 0)
        return NULL;
    path[length] = 0;
    return strdup(path);
}

static int describe(live_mount *self, const Holm__Agent__V1__MountRemoveRequest *request,
                    holm_error **error) {
    struct stat status;
    self->request = request;
    if (strcmp(request->type, "virtiofs") == 0)
        return 0;
    if (strcmp(request->type, "ext4") != 0)
        return (self->place = place_of(request->destination, error)) ? 0 : -1;
    self->device = find_disk(request->source, error);
    if (!self->device || stat(self->device, &status) < 0)
        return -1;
    self->number = status.st_rdev;
    return 0;
}

static void fail_in_use(const live_mount *self, const mountinfo *mount, holm_error **error) {
    cleanup_buffer buffer users = BUFFER_INIT;
    live_mount meant = *self;
    if (self->place) // which is another one for the container
        meant.number = makedev(mount->major, mount->minor);
    mount_users_append(&users, mount->major, mount->minor, is_meant, &meant);
    holm_error_set(error, HOLM_ERROR_IN_USE, "%s is in use%s%s", self->request->destination,
                   users.length ? " by " : "", users.length ? buffer_text(&users) : "");
}

// The folder it is in is opened beneath the container's root, whatever the container makes of its links
// meanwhile. A descriptor of the mount itself would keep it busy.
static int unmount(const live_mount *self, const mountinfo *mount, holm_error **error) {
    cleanup_close int root = inside_root(false, error);
    cleanup_free char *name = NULL;
    const char *inside = mount->place + strlen(GUEST_ROOT);
    cleanup_close int parent = root < 0 ? -1 : inside_open_parent(root, inside, false, &name, error);
    if (parent < 0)
        return -1;
    cleanup_free char *path = path_join(inside_link_of(parent).path, name, NULL);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        syncfs(fd);
        close(fd);
    }
    if (umount2(path, UMOUNT_NOFOLLOW | (self->request->force ? MNT_DETACH : 0)) == 0)
        return 0;
    if (errno == EBUSY)
        fail_in_use(self, mount, error);
    else
        holm_error_set_errno(error, errno, "unmount %s", self->request->destination);
    return -1;
}

// The topmost one within the container's root; the last line is the newest. NULL: there is none.
static char *find_line(const live_mount *self, holm_error **error) {
    cleanup_free char *text = text_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MOST, error);
    char *found = NULL, *line;
    mountinfo mount;
    for (char *rest = text; rest && (line = strsep(&rest, "\n"));) {
        cleanup_free char *copy = strdup(line);
        if (!mountinfo_parse(line, &mount) || !is_meant(&mount, self) ||
            strncmp(mount.place, GUEST_ROOT "/", strlen(GUEST_ROOT) + 1) != 0)
            continue;
        free(found);
        found = steal_pointer(&copy);
    }
    return found;
}

// Whoever has mounts of its own inside may still have it.
static int check_free(const live_mount *self, holm_error **error) {
    if (!self->device || self->request->force)
        return 0;
    cleanup_close int fd = open(self->device, O_RDONLY | O_EXCL | O_CLOEXEC);
    if (fd >= 0 || errno != EBUSY)
        return 0;
    holm_error_set(error, HOLM_ERROR_IN_USE, "%s is still mounted by a process with mounts of its own",
                   self->request->destination);
    return -1;
}

ProtobufCMessage *live_mount_remove(agent *self, const ProtobufCMessage *message, holm_error **error) {
    cleanup(live_mount_finish) live_mount asked = {0};
    (void)self;
    if (describe(&asked, (const void *)message, error) < 0)
        return NULL;
    cleanup_free char *line = find_line(&asked, error);
    mountinfo mount;
    if (line && mountinfo_parse(line, &mount) && unmount(&asked, &mount, error) < 0)
        return NULL;
    return check_free(&asked, error) < 0 ? NULL : call_empty();
}
