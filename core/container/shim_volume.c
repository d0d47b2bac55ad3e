// The volumes of a container: found in state.db and locked before the shim confines itself, then disks of the
// machine. The locks are those of flock(2) on the files themselves, so they end with the shim whatever ends
// it.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/container/shim_devices.h"
#include "core/volume/volume.h"

#define QEMU_LOCK_WRITE 101

static void fail_in_use(const shim *self, const json_t *volume, holm_error **error) {
    volume_fail_in_use(volume, self->id, error);
    holm_error_hint(error, "one container writes a volume at a time; several can have it read-only (:ro)");
}

// A file system that was not unmounted has to be recovered, and so written, by whoever has it next (the flag
// RECOVER of ext4's superblock, Documentation/filesystems/ext4/super.rst of Linux).
static bool is_dirty(int fd) {
    unsigned char flags = 0;
    return pread(fd, &flags, 1, 1024 + 0x60) == 1 && (flags & 0x4);
}

// One that was never mounted is filled from the image, and so written, too.
static bool is_written(int fd, const json_t *mount) {
    return !json_is_true(json_object_get(mount, "readOnly")) ||
           (volume_is_new(fd) && !json_is_true(json_object_get(mount, "noCopy")));
}

// The VMM of a shim that was killed dies with it, but a moment later than that one's lock is free. As long as
// it is there it has locks of its own on the file (permissions as bytes from 100 on, block/file-posix.c of
// QEMU; this one means that it writes). A reader shares the file with other readers' VMMs.
static int wait_for_predecessor(int fd, bool reads) {
    return reads ? file_wait_unlocked(fd, QEMU_LOCK_WRITE, 1) : file_wait_unlocked(fd, 0, 0);
}

int shim_volume_take(const shim *self, const json_t *volume, const json_t *mount, shim_volume_use *use,
                     holm_error **error) {
    cleanup_free char *path = volume_disk(&self->where, volume);
    cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        holm_error_set_errno(error, errno, "open the volume's file %s", path);
        return -1;
    }
    bool reads = !is_written(fd, mount);
    struct stat status;
    if (flock(fd, (reads ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0 || fstat(fd, &status) < 0 ||
        status.st_nlink == 0) { // the volume has just been given another file
        fail_in_use(self, volume, error);
        return -1;
    }
    if (wait_for_predecessor(fd, reads) < 0) {
        holm_error_set_errno(error, errno, "wait for the volume's file %s", path);
        return -1;
    }
    *use = !reads ? SHIM_VOLUME_WRITES : is_dirty(fd) ? SHIM_VOLUME_RECOVERS : SHIM_VOLUME_READS;
    return steal_fd(&fd);
}

int shim_volume_scratch(const shim *self, holm_error **error) {
    cleanup_free char *path = path_join(self->folder, "scratch.XXXXXX", NULL);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    else
        holm_error_set_errno(error, errno, "make the file %s", path);
    return fd;
}

static int add_one(shim *self, const json_t *volume, size_t index, const json_t *mount, holm_error **error) {
    shim_volume_use use;
    cleanup_close int fd = shim_volume_take(self, volume, mount, &use, error), scratch = -1;
    if (fd < 0 || (use == SHIM_VOLUME_RECOVERS && (scratch = shim_volume_scratch(self, error)) < 0))
        return -1;
    cleanup_free char *path = volume_disk(&self->where, volume);
    char name[16];
    snprintf(name, sizeof name, SHIM_DISK_VOLUME, index);
    const machine_disk disk = {.name = name,
                               .path = path,
                               .read_only = use == SHIM_VOLUME_READS,
                               .discards = use == SHIM_VOLUME_RECOVERS,
                               .scratch = scratch};
    if (self->driver->add_disk(self->machine, &disk, error) < 0)
        return -1;
    self->volumes[index] = steal_fd(&fd);
    return 0;
}

int shim_volume_add(shim *self, holm_error **error) {
    const json_t *mounts = json_object_get(self->configuration, "mounts");
    if (json_array_size(mounts) == 0)
        return 0;
    cleanup_state state *db = state_open(self->where.data, error);
    int result = db ? 0 : -1;
    for (size_t i = 0; result == 0 && i < json_array_size(mounts) && i < CONFIGURATION_MOUNTS_MOST; i++) {
        const json_t *mount = json_array_get(mounts, i);
        if (configuration_mount_is_bind(mount))
            continue;
        json_t *volume = state_volume_get(db, json_string_value(json_object_get(mount, "source")), error);
        result = volume ? add_one(self, volume, i, mount, error) : -1;
        json_decref(volume);
    }
    return result;
}

void shim_volume_drop(shim *self) {
    for (size_t i = 0; i < array_length(self->volumes); i++) {
        if (self->volumes[i] > 0)
            close(self->volumes[i]);
        self->volumes[i] = 0;
    }
}
