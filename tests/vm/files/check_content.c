#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "check.h"

#define PAGE  4096
#define OTHER 65534

void check_open(void) {
    char got[16] = "";
    make_file("a", "text");
    CHECK_ERROR(open("a", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
    CHECK(symlink("nowhere", "l") == 0);
    CHECK_ERROR(open("l", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
    CHECK_ERROR(open("a", O_RDONLY | O_DIRECTORY), ENOTDIR);
    int reader = open("a", O_RDONLY);
    CHECK_ERROR(write(reader, "x", 1), EBADF);
    int one = open("a", O_WRONLY | O_APPEND), other = open("a", O_WRONLY | O_APPEND);
    CHECK(write(one, "1", 1) == 1 && write(other, "2", 1) == 1 && write(one, "3", 1) == 1);
    CHECK(has_content("a", "text123") && lseek(one, 0, SEEK_CUR) == 7);
    CHECK(read(reader, got, sizeof got) == 7);
    close(one), close(other), close(reader);
    int cut = open("a", O_WRONLY | O_TRUNC);
    CHECK(cut >= 0 && close(cut) == 0 && has_content("a", ""));
    int direct = open("a", O_RDWR | O_DIRECT);
    CHECK(direct >= 0 || errno == EINVAL);
    close(direct);
}

void check_truncate(void) {
    struct stat status;
    char got[16] = "";
    make_file("a", "0123456789");
    int fd = open("a", O_RDWR);
    CHECK(truncate("a", 4) == 0 && fstat(fd, &status) == 0 && status.st_size == 4);
    CHECK(ftruncate(fd, 8) == 0 && pread(fd, got, 16, 0) == 8 && memcmp(got, "0123\0\0\0\0", 8) == 0);
    CHECK(pwrite(fd, "end", 3, 20) == 3 && fstat(fd, &status) == 0 && status.st_size == 23);
    CHECK(pread(fd, got, 8, 12) == 8 && memcmp(got, "\0\0\0\0\0\0\0\0", 8) == 0);
    CHECK(posix_fallocate(fd, 0, 100000) == 0 && fstat(fd, &status) == 0 && status.st_size == 100000);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && close(fd) == 0);
}

void check_sparse(void) {
    struct stat status;
    const off_t far = (off_t)1 << 33;
    int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0644);
    CHECK(pwrite(fd, "far", 3, far) == 3 && fsync(fd) == 0 && fstat(fd, &status) == 0);
    CHECK(status.st_size == far + 3 && status.st_blocks < 1000);
    CHECK(lseek(fd, 0, SEEK_DATA) == far / PAGE * PAGE && lseek(fd, 0, SEEK_HOLE) == 0);
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, far, PAGE) == 0);
    char got[4] = "xxx";
    CHECK(pread(fd, got, 3, far) == 3 && memcmp(got, "\0\0\0", 3) == 0);
    close(fd);
    make_file("from", "copied");
    int from = open("from", O_RDONLY), to = open("to", O_WRONLY | O_CREAT, 0644);
    CHECK(copy_file_range(from, NULL, to, NULL, 6, 0) == 6 && has_content("to", "copied"));
    close(from), close(to);
}

static bool map_and_write(const void *path) {
    int fd = open(path, O_RDWR);
    char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED || map[0] != 'f')
        return false;
    map[PAGE - 1] = 'c';
    return msync(map, PAGE, MS_SYNC) == 0;
}

void check_mapped(void) {
    int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0644);
    char got = 0;
    CHECK(ftruncate(fd, PAGE) == 0);
    char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    if (map == MAP_FAILED)
        return;
    CHECK(pwrite(fd, "f", 1, 0) == 1 && map[0] == 'f');
    map[1] = 'm';
    CHECK(pread(fd, &got, 1, 1) == 1 && got == 'm');
    CHECK(in_child(map_and_write, "a") && map[PAGE - 1] == 'c');
    CHECK(msync(map, PAGE, MS_SYNC) == 0 && munmap(map, PAGE) == 0);
    map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    map[1] = 'p';
    CHECK(pread(fd, &got, 1, 1) == 1 && got == 'm' && munmap(map, PAGE) == 0);
    close(fd); // what is in it now the host looks at
}

static bool lock_refused(const void *path) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 1};
    struct flock free_part = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 50, .l_len = 1};
    int fd = open(path, O_RDWR);
    if (fcntl(fd, F_SETLK, &lock) != -1 || (errno != EAGAIN && errno != EACCES))
        return false;
    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_pid == getppid() && fcntl(fd, F_SETLK, &free_part) == 0;
}

static bool flock_refused(const void *path) {
    return flock(open(path, O_RDWR), LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK;
}

static bool both_locks(const void *path) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};
    int fd = open(path, O_RDWR);
    return fcntl(fd, F_SETLK, &lock) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

void check_locks(void) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};
    make_file("a", "0123456789");
    make_file("b", "");
    int fd = open("a", O_RDWR), whole = open("b", O_RDWR);
    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && flock(whole, LOCK_EX) == 0);
    CHECK(in_child(lock_refused, "a"));
    CHECK(in_child(flock_refused, "b"));
    close(fd), close(whole);
    CHECK(in_child(both_locks, "a")); // ends with them
    CHECK(in_child(both_locks, "a"));
}

static bool other_user_kept_out(const void *path) {
    if (setgid(OTHER) < 0 || setuid(OTHER) < 0)
        return false;
    return open(path, O_RDONLY) == -1 && errno == EACCES && open("readable", O_RDONLY) >= 0 &&
           unlink("readable") == -1 && errno == EACCES;
}

void check_modes(void) {
    struct stat status;
    umask(027);
    int fd = open("masked", O_WRONLY | O_CREAT, 0666);
    CHECK(fstat(fd, &status) == 0 && (status.st_mode & 07777) == 0640 && close(fd) == 0);
    umask(022);
    make_file("secret", "s");
    make_file("readable", "r");
    CHECK(chmod("secret", 0600) == 0 && in_child(other_user_kept_out, "secret"));
    CHECK(chmod("secret", 0751) == 0 && stat("secret", &status) == 0 && (status.st_mode & 07777) == 0751);
    CHECK(chmod("secret", 04755) == 0 && stat("secret", &status) == 0 && (status.st_mode & 07777) == 04755);
    CHECK(mkdir("d", 0755) == 0 && chmod("d", 01777) == 0 && stat("d", &status) == 0);
    CHECK((status.st_mode & 07777) == 01777);
    CHECK(chmod("secret", 0) == 0 && has_content("secret", "s")); // root may
}

void check_attributes(void) {
    char text[64];
    make_file("a", "text");
    CHECK(setxattr("a", "user.one", "value", 5, XATTR_CREATE) == 0);
    CHECK_ERROR(setxattr("a", "user.one", "other", 5, XATTR_CREATE), EEXIST);
    CHECK(getxattr("a", "user.one", text, sizeof text) == 5 && memcmp(text, "value", 5) == 0);
    CHECK_ERROR(getxattr("a", "user.one", text, 2), ERANGE);
    CHECK(listxattr("a", text, sizeof text) >= 9 && memmem(text, sizeof text, "user.one", 9));
    CHECK(removexattr("a", "user.one") == 0);
    CHECK_ERROR(getxattr("a", "user.one", text, sizeof text), ENODATA);
}

void check_times(void) {
    struct stat before, status;
    const struct timespec times[2] = {{1000000000, 123456789}, {1234567890, 987654321}};
    const struct timespec partly[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
    make_file("a", "text");
    CHECK(utimensat(AT_FDCWD, "a", times, 0) == 0 && stat("a", &status) == 0);
    CHECK(status.st_atim.tv_sec == 1000000000 && status.st_atim.tv_nsec == 123456789);
    CHECK(status.st_mtim.tv_sec == 1234567890 && status.st_mtim.tv_nsec == 987654321);
    CHECK(utimensat(AT_FDCWD, "a", partly, 0) == 0 && stat("a", &status) == 0);
    CHECK(status.st_atim.tv_sec == 1000000000 && status.st_mtim.tv_sec > 1234567890);
    CHECK(symlink("a", "l") == 0 && utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(lstat("l", &status) == 0 && status.st_mtim.tv_sec == 1234567890);
    CHECK(utimensat(AT_FDCWD, "a", times, 0) == 0 && stat("a", &before) == 0);
    int fd = open("a", O_WRONLY | O_APPEND);
    CHECK(write(fd, "x", 1) == 1 && close(fd) == 0 && stat("a", &status) == 0);
    CHECK(status.st_mtim.tv_sec > before.st_mtim.tv_sec);
}

// The host hears on a way of its own that a file is forgotten, beside the next request: it may come later.
static bool is_room_free(void) {
    struct statvfs status;
    for (int i = 0; i < 1000; i++) {
        if (statvfs(".", &status) == 0 && status.f_bavail > 0)
            return true;
        usleep(10000);
    }
    return false;
}

void check_full(void) {
    static const char block[1 << 16];
    int fd = open("big", O_WRONLY | O_CREAT, 0644), number = 0;
    ssize_t written = 0;
    for (int i = 0; i < 1000 && written >= 0; i++)
        written = write(fd, block, sizeof block);
    number = errno;
    // What the cache took for written is found to have no room at the latest with the end.
    CHECK((written == -1 && number == ENOSPC) || (fsync(fd) == -1 && errno == ENOSPC));
    close(fd);
    CHECK(unlink("big") == 0);
    CHECK(is_room_free());
    make_file("small", "fits again");
    CHECK(has_content("small", "fits again"));
}
