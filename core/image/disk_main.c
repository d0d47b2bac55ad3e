// holm-disk: reads what a guest has written. Started as
//
//     holm-disk diff|layer|export [LAYER…]
//     holm-disk volume
//     holm-disk import
//     holm-disk copy|list|read P/PATH|L/PATH [LAYER…]
//
// with the container's disk as descriptor 3, read-only, and its output as descriptor 1. The layers (lowest
// first, made by holm) are opened first; then it gives up everything but what is open, and only then looks at
// the disk. import is the other way: it writes a new disk (descriptor 3) from a tar (descriptor 0), which is
// as hostile. Errors go to descriptor 2 as three lines: code, message, hint.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/confine.h"
#include "core/image/disk_import.h"
#include "core/image/guest_disk.h"

#define DISK_FD      3
#define MEMORY_MOST  (2ull << 30)
#define SECONDS_MOST 3600

static const char *const modes[] = {
    [GUEST_DISK_DIFF] = "diff",     [GUEST_DISK_LAYER] = "layer", [GUEST_DISK_EXPORT] = "export",
    [GUEST_DISK_VOLUME] = "volume", [GUEST_DISK_COPY] = "copy",   [GUEST_DISK_LIST] = "list",
    [GUEST_DISK_READ] = "read"};

static int limit_self(holm_error **error) {
    static const struct {
        int what;
        rlim_t most;
    } limits[] = {
#ifndef __SANITIZE_ADDRESS__ // its shadow is larger than any limit
        {RLIMIT_AS, MEMORY_MOST},
#endif
        {RLIMIT_CPU, SECONDS_MOST},
        {RLIMIT_CORE, 0},
        {RLIMIT_NPROC, 0},
    };
    for (size_t i = 0; i < array_length(limits); i++)
        if (setrlimit(limits[i].what, &(struct rlimit){limits[i].most, limits[i].most}) < 0) {
            holm_error_set_errno(error, errno, "limit holm-disk");
            return -1;
        }
    confine *rules = confine_create(&(confine_rules){0});
    int failed = confine_enter(rules);
    confine_destroy(rules);
    if (failed)
        holm_error_set_errno(error, failed, "confine holm-disk");
    return failed ? -1 : 0;
}

static int run(guest_disk_mode mode, const char *path, const char *const *layers, size_t count,
               holm_error **error) {
    cleanup(layer_lower_cleanup) layer_lower *lower = layer_lower_open(layers, count, error);
    if (!lower || limit_self(error) < 0 ||
        guest_disk_add(lower, DISK_FD, mode == GUEST_DISK_VOLUME, error) < 0)
        return -1;
    return guest_disk_write(lower, mode, path, STDOUT_FILENO, error);
}

static int run_import(holm_error **error) {
    return limit_self(error) < 0 ? -1 : disk_import(DISK_FD, STDIN_FILENO, error);
}

int main(int argc, char **argv) {
    cleanup_error holm_error *error = NULL;
    guest_disk_mode mode = 0;
    while (argc > 1 && mode < array_length(modes) && strcmp(argv[1], modes[mode]) != 0)
        mode++;
    bool imports = argc == 2 && strcmp(argv[1], "import") == 0;
    int taken = mode >= GUEST_DISK_COPY ? 3 : 2;
    if (!imports && (argc < taken || mode == array_length(modes))) {
        fputs("holm-disk is started by holm; there is nothing to start by hand\n", stderr);
        return 125;
    }
    int result = imports ? run_import(&error)
                         : run(mode, argv[taken - 1], (const char *const *)argv + taken,
                               (size_t)(argc - taken), &error);
    if (result == 0)
        return 0;
    const char *hint = holm_error_hint_of(error);
    dprintf(STDERR_FILENO, "%s\n%s\n%s\n", holm_error_code_name(holm_error_code_of(error)),
            error ? holm_error_message(error) : "no memory", hint ? hint : "");
    return 1;
}
