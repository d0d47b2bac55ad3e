#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define NAME_LONGEST 255

void check_rename(void) {
    struct stat before, after;
    make_file("a", "one");
    make_file("b", "two");
    CHECK(stat("a", &before) == 0 && rename("a", "b") == 0 && stat("b", &after) == 0);
    CHECK(before.st_ino == after.st_ino && has_content("b", "one"));
    CHECK_ERROR(access("a", F_OK), ENOENT);
    CHECK_ERROR(rename("a", "c"), ENOENT);
    CHECK(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0 && mkdir("full", 0755) == 0);
    make_file("full/x", "");
    CHECK(rename("d", "e") == 0);
    CHECK_ERROR(access("d", F_OK), ENOENT);
    CHECK(rename("e", "full") == -1 && (errno == ENOTEMPTY || errno == EEXIST));
    CHECK_ERROR(rename("b", "e"), EISDIR);
    CHECK_ERROR(rename("e", "b"), ENOTDIR);
    CHECK_ERROR(rename("full", "full/inside"), EINVAL);
    CHECK(rename("full", "e") == 0 && has_content("e/x", ""));
    make_file("c", "three");
    CHECK_ERROR(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_NOREPLACE), EEXIST);
    CHECK(renameat2(AT_FDCWD, "b", AT_FDCWD, "n", RENAME_NOREPLACE) == 0 && has_content("n", "one"));
    CHECK(renameat2(AT_FDCWD, "n", AT_FDCWD, "c", RENAME_EXCHANGE) == 0);
    CHECK(has_content("n", "three") && has_content("c", "one"));
    int held = open("c", O_RDONLY); // of which the name goes to another one
    char got[8] = "";
    CHECK(rename("n", "c") == 0 && read(held, got, sizeof got) == 3 && memcmp(got, "one", 3) == 0);
    close(held);
}

void check_links(void) {
    struct stat one, other;
    make_file("a", "text");
    CHECK(link("a", "b") == 0 && stat("a", &one) == 0 && stat("b", &other) == 0);
    CHECK(one.st_ino == other.st_ino && one.st_nlink == 2 && other.st_nlink == 2);
    CHECK_ERROR(link("a", "b"), EEXIST);
    CHECK_ERROR(link("nothing", "c"), ENOENT);
    CHECK(mkdir("d", 0755) == 0);
    CHECK_ERROR(link("d", "e"), EPERM);
    int fd = open("b", O_WRONLY | O_APPEND);
    CHECK(write(fd, "more", 4) == 4 && close(fd) == 0 && has_content("a", "textmore"));
    CHECK(unlink("a") == 0 && has_content("b", "textmore") && stat("b", &other) == 0 && other.st_nlink == 1);
}

void check_symbolic_links(void) {
    char text[PATH_SIZE];
    struct stat status;
    make_file("a", "text");
    CHECK(symlink("a", "l") == 0 && has_content("l", "text"));
    CHECK(readlink("l", text, sizeof text) == 1 && text[0] == 'a');
    CHECK(lstat("l", &status) == 0 && S_ISLNK(status.st_mode) && status.st_size == 1);
    CHECK(symlink("nowhere", "dangling") == 0);
    CHECK_ERROR(open("dangling", O_RDONLY), ENOENT);
    CHECK(symlink("loop", "loop") == 0);
    CHECK_ERROR(open("loop", O_RDONLY), ELOOP);
    CHECK_ERROR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERROR(symlink("a", "l"), EEXIST);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    CHECK(symlink(text, "long") == 0 && lstat("long", &status) == 0 && status.st_size == sizeof text - 1);
    CHECK(unlink("l") == 0 && has_content("a", "text"));
}

void check_unlinked(void) {
    struct stat status;
    char got[16] = "";
    make_file("a", "before");
    int fd = open("a", O_RDWR);
    CHECK(unlink("a") == 0);
    CHECK_ERROR(access("a", F_OK), ENOENT);
    CHECK(pwrite(fd, "after!", 6, 0) == 6 && pread(fd, got, 6, 0) == 6 && memcmp(got, "after!", 6) == 0);
    CHECK(fstat(fd, &status) == 0 && status.st_nlink == 0 && status.st_size == 6);
    CHECK(ftruncate(fd, 3) == 0 && fchmod(fd, 0600) == 0);
    make_file("a", "another");
    CHECK(has_content("a", "another") && pread(fd, got, 16, 0) == 3);
    CHECK(close(fd) == 0);
}

void check_names(void) {
    char name[NAME_LONGEST + 2];
    memset(name, 'n', sizeof name);
    name[NAME_LONGEST + 1] = 0;
    CHECK_ERROR(open(name, O_WRONLY | O_CREAT, 0644), ENAMETOOLONG);
    CHECK_ERROR(mkdir(name, 0755), ENAMETOOLONG);
    name[NAME_LONGEST] = 0;
    make_file(name, "long");
    CHECK(has_content(name, "long") && rename(name, "short") == 0 && rename("short", name) == 0);
    static const char *const odd[] = {" ", "a b", "\xff\xfe", "d\303\251j\303\240", "new\nline", "-", "..."};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        make_file(odd[i], odd[i]);
        CHECK(has_content(odd[i], odd[i]));
    }
    make_file("Case", "upper");
    make_file("case", "lower");
    CHECK(has_content("Case", "upper"));
}

void check_folders(void) {
    struct stat status;
    CHECK(mkdir("d", 0755) == 0 && stat("d", &status) == 0 && S_ISDIR(status.st_mode));
    CHECK_ERROR(mkdir("d", 0755), EEXIST);
    CHECK_ERROR(mkdir("no/d", 0755), ENOENT);
    make_file("d/f", "");
    CHECK(rmdir("d") == -1 && (errno == ENOTEMPTY || errno == EEXIST));
    CHECK(unlink("d") == -1 && (errno == EISDIR || errno == EPERM));
    CHECK_ERROR(rmdir("d/f"), ENOTDIR);
    CHECK_ERROR(open("d/f/g", O_RDONLY), ENOTDIR);
    CHECK_ERROR(open("d", O_WRONLY), EISDIR);
    CHECK_ERROR(rmdir("d/."), EINVAL);
    CHECK(mkdir("d/e", 0755) == 0 && stat("d", &status) == 0);
    CHECK(unlink("d/f") == 0 && rmdir("d/e") == 0 && rmdir("d") == 0);
    for (int depth = 0; depth < 100; depth++)
        CHECK(mkdir("deep", 0755) == 0 && chdir("deep") == 0);
    char *where = getcwd(NULL, 0);
    CHECK(where && strlen(where) > 500);
    free(where);
}

static bool write_fifo(const void *path) {
    int fd = open(path, O_WRONLY);
    return fd >= 0 && write(fd, "through", 7) == 7;
}

void check_special(void) {
    char got[8] = "";
    CHECK(mkfifo("fifo", 0644) == 0);
    int fd = open("fifo", O_RDWR);
    CHECK(in_child(write_fifo, "fifo") && read(fd, got, 7) == 7 && memcmp(got, "through", 7) == 0);
    close(fd);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
    CHECK(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
    close(listener), close(client);
}

void check_other(const char *elsewhere) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/check-other", elsewhere);
    make_file("a", "text");
    CHECK_ERROR(rename("a", path), EXDEV);
    CHECK_ERROR(link("a", path), EXDEV);
}

// ---- many ----

static void make_many(const char *kind, unsigned first, unsigned end) {
    char name[64];
    for (unsigned i = first; i < end; i++) {
        snprintf(name, sizeof name, "%s%u", kind, i);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
        CHECK(fd >= 0);
        close(fd);
    }
}

static void remove_many(const char *kind, unsigned first, unsigned end) {
    char name[64];
    for (unsigned i = first; i < end; i++) {
        snprintf(name, sizeof name, "%s%u", kind, i);
        CHECK(unlink(name) == 0);
    }
}

// Who lists a folder in which others come and go sees each that stays, once.
void check_many(unsigned count) {
    const unsigned passing = count / 10;
    unsigned char *seen = calloc(count, 1);
    make_many("stays", 0, count);
    make_many("goes", 0, passing);
    pid_t changes = fork();
    if (changes == 0) {
        remove_many("goes", 0, passing);
        make_many("comes", 0, passing);
        _exit(0);
    }
    DIR *folder = opendir(".");
    unsigned number, found = 0, twice = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (sscanf(entry->d_name, "stays%u", &number) == 1 && number < count) {
            twice += seen[number];
            found += !seen[number];
            seen[number] = 1;
        }
    closedir(folder);
    CHECK(found == count);
    CHECK(twice == 0);
    CHECK(waitpid(changes, NULL, 0) == changes);
    remove_many("comes", 0, passing);
    remove_many("stays", 0, count);
    CHECK(chdir("..") == 0 && rmdir("many") == 0);
    free(seen);
}
