#include "core/network/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <sys/ioctl.h>

int tap_open(holm_error **error) {
    struct ifreq card = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    snprintf(card.ifr_name, sizeof card.ifr_name, "holm%%d");
    cleanup_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &card) < 0) {
        holm_error_set_errno(error, errno, "make a tap of the host");
        return -1;
    }
    return steal_fd(&fd);
}

bool tap_card(int fd, const struct stat *own, char name[IFNAMSIZ]) {
    const short kinds = IFF_TAP | IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
    struct ifreq card = {0};
    struct stat namespace;
    if (ioctl(fd, TUNGETIFF, &card) < 0 || (card.ifr_flags & kinds) != (IFF_TAP | IFF_NO_PI))
        return false;
    cleanup_close int of = ioctl(fd, TUNGETDEVNETNS);
    if (of < 0 || fstat(of, &namespace) < 0 || namespace.st_dev != own->st_dev ||
        namespace.st_ino != own->st_ino)
        return false;
    snprintf(name, IFNAMSIZ, "%s", card.ifr_name);
    return true;
}
