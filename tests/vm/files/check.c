// check FOLDER COUNT ELSEWHERE: all checks, in new folders in FOLDER; COUNT files in one of them.
// check full FOLDER: that of a file system with little room.
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned wrong;

void check_that(bool is_so, const char *what, const char *file, int line) {
    if (is_so)
        return;
    wrong++;
    printf("%s:%d: %s (errno: %s)\n", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line, what,
           strerror(errno));
}

void check_error(bool failed, int number, const char *what, const char *file, int line) {
    if (failed && errno == number)
        return;
    wrong++;
    printf("%s:%d: %s: %s, not %s\n", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line, what,
           failed ? strerror(errno) : "done", strerror(number));
}

void make_file(const char *path, const char *content) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    const ssize_t length = (ssize_t)strlen(content);
    CHECK(fd >= 0 && write(fd, content, (size_t)length) == length && close(fd) == 0);
}

bool has_content(const char *path, const char *content) {
    char got[PATH_SIZE];
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? -1 : read(fd, got, sizeof got);
    if (fd >= 0)
        close(fd);
    return length == (ssize_t)strlen(content) && memcmp(got, content, (size_t)length) == 0;
}

bool in_child(bool (*run)(const void *data), const void *data) {
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(run(data) ? 0 : 1);
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void enter(const char *top, const char *name) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", top, name);
    if (mkdir(path, 0755) < 0 || chdir(path) < 0) {
        perror(path);
        exit(1);
    }
    errno = 0;
}

static void check_all(const char *top, unsigned count, const char *elsewhere) {
    static const struct {
        const char *name;
        void (*run)(void);
    } checks[] = {
        {"rename", check_rename},     {"links", check_links},           {"symbolic", check_symbolic_links},
        {"unlinked", check_unlinked}, {"names", check_names},           {"folders", check_folders},
        {"special", check_special},   {"modes", check_modes},           {"open", check_open},
        {"truncate", check_truncate}, {"sparse", check_sparse},         {"mapped", check_mapped},
        {"locks", check_locks},       {"attributes", check_attributes}, {"times", check_times}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        enter(top, checks[i].name);
        checks[i].run();
    }
    enter(top, "other");
    check_other(elsewhere);
    enter(top, "many");
    check_many(count);
}

int main(int count, char **arguments) {
    if (count == 3 && strcmp(arguments[1], "full") == 0) {
        enter(arguments[2], "full");
        check_full();
    } else if (count == 4) {
        check_all(arguments[1], (unsigned)atoi(arguments[2]), arguments[3]);
    } else {
        return 2;
    }
    printf("%u wrong\n", wrong);
    return wrong > 0;
}
