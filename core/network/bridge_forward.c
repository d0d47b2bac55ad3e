#include "core/network/bridge_forward.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define LOG_MODULE "bridge"
#include "core/base/log.h"
#include "core/base/path.h"

#define SETTINGS "/proc/sys/net"
#define FORWARD4 SETTINGS "/ipv4/ip_forward"
#define CARDS6   SETTINGS "/ipv6/conf"
#define FORWARD6 CARDS6 "/all/forwarding"

// The number that is there; -1: there is no such setting.
static int get(const char *path) {
    char text[16] = "";
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || read(fd, text, sizeof text - 1) <= 0 ? -1 : atoi(text);
}

static int set(const char *path, const char *value, holm_error **error) {
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, value, 1) == 1)
        return 0;
    holm_error_set_errno(error, errno, "set %s to %s", path, value);
    return -1;
}

int bridge_forward_link(const char *name, bool has_ip6, holm_error **error) {
    cleanup_free char *routers = path_format(CARDS6 "/%s/accept_ra", name),
                      *off = path_format(CARDS6 "/%s/disable_ipv6", name);
    if (get(off) < 0) // a host without IPv6
        return 0;
    return set(routers, "0", error) < 0 || (!has_ip6 && set(off, "1", error) < 0) ? -1 : 0;
}

// A card that forwards listens to no router unless it is told to all the same.
static int keep_routers(holm_error **error) {
    DIR *cards = opendir(CARDS6);
    int result = 0;
    for (const struct dirent *card; cards && result == 0 && (card = readdir(cards));) {
        cleanup_free char *path = path_format(CARDS6 "/%s/accept_ra", card->d_name);
        if (card->d_name[0] != '.' && get(path) == 1)
            result = set(path, "2", error);
    }
    if (cards)
        closedir(cards);
    return result;
}

int bridge_forward_outside(bool has_ip6, holm_error **error) {
    if (get(FORWARD4) == 0) {
        if (set(FORWARD4, "1", error) < 0)
            return -1;
        log_info("this host forwards IPv4 from now on (net.ipv4.ip_forward)");
    }
    if (!has_ip6 || get(FORWARD6) != 0)
        return 0;
    cleanup_error holm_error *cause = NULL;
    if (keep_routers(&cause) < 0 || set(FORWARD6, "1", &cause) < 0)
        log_warning("no IPv6 to the outside: %s", holm_error_message(cause));
    else
        log_info("this host forwards IPv6 from now on (net.ipv6.conf.all.forwarding), and listens to its "
                 "routers as before (accept_ra)");
    return 0;
}
