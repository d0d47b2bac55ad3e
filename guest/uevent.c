#include "guest/uevent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

int uevent_open(holm_error **error) {
    cleanup_close int fd =
        socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        holm_error_set_errno(error, errno, "listen for device events");
        return -1;
    }
    return steal_fd(&fd);
}

void uevent_drain(int fd) {
    char event[8192];
    // ENOBUFS says that events were lost, which is news as well
    while (recv(fd, event, sizeof event, MSG_DONTWAIT) >= 0 || errno == ENOBUFS || errno == EINTR)
        continue;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

// The node of a disk is there before the disk can be opened; its event comes when it can.
static bool can_open(const char *path) {
    cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0;
}

int uevent_wait_paths(int fd, char *const *paths, size_t count, unsigned timeout_ms, holm_error **error) {
    int64_t deadline = now_ms() + timeout_ms;
    for (size_t i = 0; i < count;) {
        if (can_open(paths[i])) {
            i++;
            continue;
        }
        int64_t left = deadline - now_ms();
        struct pollfd news = {.fd = fd, .events = POLLIN};
        int ready = left > 0 ? poll(&news, 1, (int)left) : 0;
        if (ready < 0 && errno != EINTR) {
            holm_error_set_errno(error, errno, "wait for %s", paths[i]);
            return -1;
        }
        if (ready == 0) {
            holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "the device %s did not appear within %u ms",
                           paths[i], timeout_ms);
            return -1;
        }
        uevent_drain(fd);
    }
    return 0;
}
