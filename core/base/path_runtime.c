// The folder of the sockets. Every session of a user must come to the same one, also where the environment
// differs (a login, ssh, cron, a service); and two data folders must not share one, as whoever answers there
// works on one of them.

#include "core/base/path_runtime.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/base/hash.h"

// The longest that stands below it: "/n/NETWORK-SUM/port.sock", with a name of 32 characters, and a sum of
// our own.
#define LONGEST_BELOW 63
#define CLAIM         "data"

static bool belongs_to_user(const char *path) {
    struct stat status;
    return path[0] == '/' && stat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
           status.st_uid == geteuid() && access(path, W_OK | X_OK) == 0;
}

static bool is_short(const char *path) {
    return strlen(path) + LONGEST_BELOW < sizeof((struct sockaddr_un *)NULL)->sun_path;
}

// Where the session's folder is, whether this process was told of it or not; else a name below /tmp.
static char *find_usual(void) {
    const char *told = getenv("XDG_RUNTIME_DIR");
    cleanup_free char *logind = path_format("/run/user/%u", (unsigned)geteuid());
    const char *const places[] = {told ? told : "", logind};
    for (size_t i = 0; i < array_length(places); i++) {
        cleanup_free char *path = path_join(places[i], "holm", NULL);
        if (belongs_to_user(places[i]) && is_short(path))
            return steal_pointer(&path);
    }
    return path_format("/tmp/holm-%u", (unsigned)geteuid());
}

// 1 where the folder serves this data folder from now on, 0 where it serves another one, -1 on error. Who
// comes first has it; the link is left for good, so that the answer stays the same.
static int claim(const char *folder, const char *data, holm_error **error) {
    cleanup_free char *link = path_join(folder, CLAIM, NULL);
    char owner[PATH_MAX];
    if (symlink(data, link) == 0)
        return 1;
    ssize_t length = errno == EEXIST ? readlink(link, owner, sizeof owner - 1) : -1;
    if (length < 0) {
        holm_error_set_errno(error, errno, "keep %s for the data in %s", folder, data);
        return -1;
    }
    owner[length] = 0;
    return strcmp(owner, data) == 0;
}

char *path_runtime_find(const char *data_folder, holm_error **error) {
    cleanup_free char *data = realpath(data_folder, NULL); // one folder, one spelling
    if (!data) {
        holm_error_set_errno(error, errno, "look at %s", data_folder);
        return NULL;
    }
    cleanup_free char *usual = find_usual();
    if (path_make_private(usual, error) < 0)
        return NULL;
    int ours = claim(usual, data, error);
    if (ours)
        return ours < 0 ? NULL : steal_pointer(&usual);
    cleanup_free char *own = path_format("%s-%08" PRIx32, usual, hash_add(HASH_INIT, data, strlen(data)));
    if (path_make_private(own, error) < 0)
        return NULL;
    ours = claim(own, data, error);
    if (ours == 0)
        holm_error_set(error, HOLM_ERROR_IN_USE, "%s is in use for another data folder than %s", own, data);
    return ours > 0 ? steal_pointer(&own) : NULL;
}
