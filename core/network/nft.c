#include "core/network/nft.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/base/process.h"

#define SAID_MOST 400 // of nft: its first lines say it

char *nft_find(void) {
    // Root's folders are not among those of every user.
    const char *path = getenv("PATH");
    cleanup_free char *all = path_format("%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");
    char *rest = all, *folder;
    while ((folder = strsep(&rest, ":"))) {
        cleanup_free char *program = path_join(folder, "nft", NULL);
        if (folder[0] == '/' && access(program, X_OK) == 0)
            return steal_pointer(&program);
    }
    return NULL;
}

static char *read_said(int fd) {
    char text[SAID_MOST + 1];
    ssize_t got = pread(fd, text, SAID_MOST, 0);
    text[got > 0 ? got : 0] = 0;
    text[strcspn(text, "\n")] = 0;
    return strdup(text);
}

int nft_run(const char *program, const char *commands, bool try, holm_error **error) {
    cleanup_close int in = memfd_create("nft", MFD_CLOEXEC), out = memfd_create("nft-says", MFD_CLOEXEC);
    if (in < 0 || out < 0 || file_write_all(in, commands, strlen(commands)) < 0 ||
        lseek(in, 0, SEEK_SET) < 0) {
        holm_error_set_errno(error, errno, "write the rules for nft");
        return -1;
    }
    const char *argv[] = {program, "-f", "-", try ? "-c" : NULL, NULL};
    const process_fd fds[] = {{in, 0}, {out, 1}, {out, 2}};
    int pidfd = -1;
    if (process_spawn(&(process_options){.argv = argv, .fds = fds, .fd_count = array_length(fds)}, NULL,
                      &pidfd, error) < 0)
        return -1;
    int code = process_wait(pidfd);
    close(pidfd);
    if (code == 0)
        return 0;
    cleanup_free char *said = read_said(out);
    holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "nft takes none of these rules: %s", said ? said : "");
    return -1;
}
