// A disk that is full still has to be made empty again: a file beside state.db holds room for the few pages
// that it takes to say that something has ended or is gone.
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/store/state_internal.h"

#define SPARE_BYTES ((off_t)512 << 10)

static uint64_t free_bytes(const char *directory) {
    struct statvfs room;
    return statvfs(directory, &room) == 0 ? (uint64_t)room.f_bavail * room.f_frsize : 0;
}

void state_take_spare(state *self) {
    if (free_bytes(self->directory) >= SPARE_BYTES)
        return;
    cleanup_free char *path = path_join(self->directory, "spare", NULL);
    unlink(path);
}

void state_keep_spare(state *self) {
    cleanup_free char *path = path_join(self->directory, "spare", NULL);
    if (access(path, F_OK) == 0 || free_bytes(self->directory) < 4 * SPARE_BYTES)
        return;
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && posix_fallocate(fd, 0, SPARE_BYTES) != 0)
        unlink(path);
}
