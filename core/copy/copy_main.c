// holm-copy: moves files between the host and a tar stream. Started as
//
//     holm-copy unpack NAME any|file|folder mine|owner   the archive from descriptor 0
//     holm-copy pack NAME AS                             the archive to descriptor 1
//
// with a folder as descriptor 3, which with what it holds is all that stays within its reach. Unpacking, it
// writes "ENTRIES BYTES LEFT-OUT" to descriptor 1. Errors go to descriptor 2 as three lines: code, message,
// hint.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/confine.h"
#include "core/base/path.h"
#include "core/base/tar_pack.h"
#include "core/copy/unpack.h"

#define FOLDER_FD   3
#define FOLDER      "/proc/self/fd/3"
#define MEMORY_MOST (1ull << 30)

static int limit_self(const confine_rules *rules, holm_error **error) {
    static const struct {
        int what;
        rlim_t most;
    } limits[] = {
#ifndef __SANITIZE_ADDRESS__ // its shadow is larger than any limit
        {RLIMIT_AS, MEMORY_MOST},
#endif
        {RLIMIT_CORE, 0},
        {RLIMIT_NPROC, 0},
    };
    for (size_t i = 0; i < array_length(limits); i++)
        if (setrlimit(limits[i].what, &(struct rlimit){limits[i].most, limits[i].most}) < 0) {
            holm_error_set_errno(error, errno, "limit holm-copy");
            return -1;
        }
    confine *confinement = confine_create(rules);
    int failed = confine_enter(confinement);
    confine_destroy(confinement);
    if (failed)
        holm_error_set_errno(error, failed, "confine holm-copy");
    return failed ? -1 : 0;
}

static ssize_t read_input(void *data, void *out, size_t length) {
    (void)data;
    return read(STDIN_FILENO, out, length);
}

static int run_unpack(char **arguments, holm_error **error) {
    const unpack_options options = {.folder = FOLDER_FD,
                                    .name = arguments[0],
                                    .only_file = strcmp(arguments[1], "file") == 0,
                                    .only_folder = strcmp(arguments[1], "folder") == 0,
                                    .owner = strcmp(arguments[2], "owner") == 0};
    const char *const writable[] = {FOLDER, NULL};
    unpack_result result = {0};
    if (limit_self(&(confine_rules){.read_write = writable}, error) < 0 ||
        unpack(read_input, NULL, &options, &result, error) < 0)
        return -1;
    dprintf(STDOUT_FILENO, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", result.entries, result.bytes,
            result.left_out);
    return 0;
}

static int run_pack(char **arguments, holm_error **error) {
    struct stat status;
    cleanup_free char *path = path_format("%s/%s", FOLDER, arguments[0]);
    // a link is copied as it is: what it leads to is none of our business
    bool link = lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
    const char *const readable[] = {link ? NULL : path, NULL};
    tar_pack_result result = {0};
    if (limit_self(&(confine_rules){.read_only = readable}, error) < 0)
        return -1;
    return tar_pack(STDOUT_FILENO, FOLDER_FD, arguments[0], arguments[1], &result, error);
}

int main(int argc, char **argv) {
    cleanup_error holm_error *error = NULL;
    int result;
    if (argc == 5 && strcmp(argv[1], "unpack") == 0) {
        result = run_unpack(argv + 2, &error);
    } else if (argc == 4 && strcmp(argv[1], "pack") == 0) {
        result = run_pack(argv + 2, &error);
    } else {
        fputs("holm-copy is started by holm; there is nothing to start by hand\n", stderr);
        return 125;
    }
    if (result == 0)
        return 0;
    const char *hint = holm_error_hint_of(error);
    dprintf(STDERR_FILENO, "%s\n%s\n%s\n", holm_error_code_name(holm_error_code_of(error)),
            error ? holm_error_message(error) : "no memory", hint ? hint : "");
    return 1;
}
