#include "core/holm_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/path.h"

static int fail(const char *path, holm_error **error) {
    holm_error_set_errno(error, errno, "write %s", path);
    return -1;
}

// Without a name, so that nothing is left by whoever is killed; with one where the file system has no such
// files.
static int make_file(holm_output *self, const char *path) {
    const char *slash = strrchr(path, '/');
    cleanup_free char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    self->fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (self->fd < 0) {
        self->temporary = path_format("%s.%d.tmp", path, (int)getpid());
        self->fd = open(self->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    if (self->fd < 0)
        free(steal_pointer(&self->temporary)); // of somebody else, or none
    else
        self->path = strdup(path);
    return self->fd < 0 ? -1 : 0;
}

int holm_output_open(holm_output *self, const char *path, holm_error **error) {
    char resolved[PATH_MAX];
    struct stat status;
    if (!path) {
        self->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        return self->fd < 0 ? fail("to standard output", error) : 0;
    }
    bool there = stat(path, &status) == 0;
    if (there && !S_ISREG(status.st_mode)) {
        self->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return self->fd < 0 ? fail(path, error) : 0;
    }
    return make_file(self, there && realpath(path, resolved) ? resolved : path) < 0 ? fail(path, error) : 0;
}

int holm_output_keep(holm_output *self, holm_error **error) {
    if (!self->path)
        return 0;
    if (fsync(self->fd) < 0)
        return fail(self->path, error);
    if (!self->temporary) {
        char link[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", self->fd);
        self->temporary = path_format("%s.%d.tmp", self->path, (int)getpid());
        if (linkat(AT_FDCWD, link, AT_FDCWD, self->temporary, AT_SYMLINK_FOLLOW) < 0) {
            free(steal_pointer(&self->temporary));
            return fail(self->path, error);
        }
    }
    if (rename(self->temporary, self->path) < 0)
        return fail(self->path, error);
    free(steal_pointer(&self->temporary));
    return 0;
}

void holm_output_finish(holm_output *self) {
    if (self->fd >= 0)
        close(self->fd);
    if (self->temporary)
        unlink(self->temporary);
    free(self->temporary);
    free(self->path);
    *self = (holm_output)HOLM_OUTPUT_INIT;
}
