#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/path.h"

int file_read(const char *path, size_t most, buffer *out, holm_error **error) {
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        holm_error_set_errno(error, errno, "open %s", path);
        return -1;
    }
    size_t total = 0;
    for (;;) {
        buffer_reserve(out, 65536);
        ssize_t got = read(fd, out->data + out->length, 65536);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            holm_error_set_errno(error, errno, "read %s", path);
            return -1;
        }
        if (got == 0)
            break;
        out->length += (size_t)got;
        total += (size_t)got;
        if (total > most) {
            holm_error_set(error, HOLM_ERROR_LIMIT, "%s is larger than %zu bytes", path, most);
            return -1;
        }
    }
    buffer_append(out, NULL, 0);
    return 0;
}

int file_write_all(int fd, const void *data, size_t length) {
    const char *bytes = data;
    while (length) {
        ssize_t wrote = write(fd, bytes, length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -1;
        bytes += wrote;
        length -= (size_t)wrote;
    }
    return 0;
}

static int sync_folder_of(const char *path) {
    cleanup_free char *folder = strdup(path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return 0;
    *slash = 0;
    cleanup_close int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

int file_sync(const char *path, holm_error **error) {
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && fsync(fd) == 0 && sync_folder_of(path) == 0)
        return 0;
    holm_error_set_errno(error, errno, "write %s to the disk", path);
    return -1;
}

int file_write(const char *path, const void *data, size_t length, holm_error **error) {
    cleanup_free char *temporary = path_format("%s.%d.tmp", path, (int)getpid());
    cleanup_close int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || file_write_all(fd, data, length) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0 ||
        sync_folder_of(path) < 0) {
        int number = errno;
        if (fd >= 0)
            unlink(temporary);
        holm_error_set_errno(error, number, "write %s", path);
        return -1;
    }
    return 0;
}

static int copy_data(int from, int to, off_t size) {
    for (off_t begin = 0; begin < size;) {
        begin = lseek(from, begin, SEEK_DATA);
        if (begin < 0)
            return errno == ENXIO ? 0 : -1;
        off_t end = lseek(from, begin, SEEK_HOLE);
        if (end < 0 || lseek(to, begin, SEEK_SET) < 0)
            return -1;
        for (off_t offset = begin; offset < end;) {
            char chunk[65536];
            size_t wanted = end - offset > (off_t)sizeof chunk ? sizeof chunk : (size_t)(end - offset);
            ssize_t got = pread(from, chunk, wanted, offset);
            if (got < 0 || (got > 0 && file_write_all(to, chunk, (size_t)got) < 0))
                return -1;
            if (got == 0)
                return 0;
            offset += got;
        }
        begin = end;
    }
    return 0;
}

int file_copy_sparse(const char *from, const char *to, holm_error **error) {
    cleanup_close int in = open(from, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (in < 0 || fstat(in, &status) < 0) {
        holm_error_set_errno(error, errno, "open %s", from);
        return -1;
    }
    cleanup_close int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0) {
        holm_error_set_errno(error, errno, "make %s", to);
        return -1;
    }
    if (ioctl(out, FICLONE, in) == 0)
        return 0;
    if (ftruncate(out, status.st_size) < 0 || copy_data(in, out, status.st_size) < 0) {
        int number = errno;
        unlink(to);
        holm_error_set_errno(error, number, "copy %s to %s", from, to);
        return -1;
    }
    return 0;
}

int file_lock(const char *path, bool exclusive, bool wait, holm_error **error) {
    cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        holm_error_set_errno(error, errno, "open %s", path);
        return -1;
    }
    int result;
    do
        result = flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB));
    while (result < 0 && errno == EINTR);
    if (result < 0 && errno == EWOULDBLOCK) {
        holm_error_set(error, HOLM_ERROR_IN_USE, "%s is locked by another process", path);
        return -1;
    }
    if (result < 0) {
        holm_error_set_errno(error, errno, "lock %s", path);
        return -1;
    }
    return steal_fd(&fd);
}

int file_wait_unlocked(int fd, off_t start, off_t length) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    struct flock found = lock;
    int result = fcntl(fd, F_OFD_GETLK, &found);
    if (result < 0 || found.l_type == F_UNLCK)
        return result;
    do
        result = fcntl(fd, F_OFD_SETLKW, &lock);
    while (result < 0 && errno == EINTR);
    lock.l_type = F_UNLCK;
    return result < 0 ? -1 : fcntl(fd, F_OFD_SETLK, &lock);
}

bool file_is_locked(const char *path) {
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

// The process that took the lock, by proc_locks(5); 0: none that is known. The device is left out: btrfs
// shows another one here than by stat(2).
static pid_t find_holder(ino_t inode) {
    FILE *locks = fopen("/proc/locks", "re");
    char line[256];
    pid_t found = 0;
    while (locks && !found && fgets(line, sizeof line, locks)) {
        pid_t pid;
        unsigned long long number;
        if (sscanf(line, "%*u: FLOCK %*s WRITE %d %*x:%*x:%llu", &pid, &number) == 2 && number == inode &&
            pid > 0)
            found = pid;
    }
    if (locks)
        fclose(locks);
    return found;
}

bool file_wait_holder(const char *path, int timeout_ms) {
    struct stat status;
    pid_t holder = stat(path, &status) == 0 ? find_holder(status.st_ino) : 0;
    cleanup_close int process = holder ? (int)syscall(SYS_pidfd_open, holder, 0) : -1;
    struct pollfd ended = {.fd = process, .events = POLLIN};
    // While it is locked the number is still that of who took it.
    return !file_is_locked(path) || (process >= 0 && poll(&ended, 1, timeout_ms) > 0);
}
