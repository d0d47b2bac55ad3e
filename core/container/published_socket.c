#include "core/container/published_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/cleanup.h"

#define BACKLOG 128

static bool fill_address(const char *path, struct sockaddr_un *address) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    return (size_t)snprintf(address->sun_path, sizeof address->sun_path, "%s", path) <
           sizeof address->sun_path;
}

static bool is_left_over(const struct sockaddr_un *address) {
    struct stat status;
    if (lstat(address->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 &&
           errno == ECONNREFUSED;
}

static int refuse(const char *path, holm_error **error) {
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)) {
        holm_error_set(error, HOLM_ERROR_IN_USE, "somebody listens at %s already", path);
        holm_error_hint(error, "publish the socket at another path, or end who listens there");
    } else {
        holm_error_set(error, HOLM_ERROR_EXISTS, "there is something else at %s", path);
        holm_error_hint(error, "remove it, or publish the socket at another path");
    }
    return -1;
}

int published_socket_listen(const char *path, holm_error **error) {
    struct sockaddr_un address;
    if (!fill_address(path, &address)) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the path of a socket has at most %d bytes: %s",
                       PUBLISHED_PATH_MOST, path);
        return -1;
    }
    if (is_left_over(&address))
        unlink(path);
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0177);
    int result = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof address);
    int number = errno;
    umask(before);
    if (result < 0 && number == EADDRINUSE)
        return refuse(path, error);
    if (result < 0 || listen(fd, BACKLOG) < 0) {
        holm_error_set_errno(error, result < 0 ? number : errno, "listen at %s", path);
        return -1;
    }
    return steal_fd(&fd);
}

void published_sockets_remove(const json_t *configuration) {
    size_t index;
    json_t *item;
    json_array_foreach (json_object_get(configuration, "sockets"), index, item) {
        struct sockaddr_un address;
        const char *path = json_string_value(json_object_get(item, "source"));
        if (path && fill_address(path, &address) && is_left_over(&address))
            unlink(path);
    }
}
