// A server for the guest that tells each client who it is to it: "from ADDRESS:PORT", by TCP on port 70,
// where it then sends back what it is sent, and by UDP on port 90. Of IPv4 alone, or of both ("seen 6").
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

static int open_socket(int family, int type, int port) {
    address at = {.v6 = {.sin6_family = (sa_family_t)family, .sin6_port = htons((uint16_t)port)}};
    const int fd = socket(family, type, 0), off = 0;
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, &at.any, family == AF_INET6 ? sizeof at.v6 : sizeof at.v4) < 0 ||
        (type == SOCK_STREAM && listen(fd, 100) < 0)) {
        perror("seen");
        exit(1);
    }
    return fd;
}

static int say(const address *from, char *text, size_t size) {
    char name[INET6_ADDRSTRLEN];
    const void *bytes =
        from->any.sa_family == AF_INET6 ? (const void *)&from->v6.sin6_addr : &from->v4.sin_addr;
    inet_ntop(from->any.sa_family, bytes, name, sizeof name);
    return snprintf(text, size, "from %s:%d\n", name, ntohs(from->v4.sin_port));
}

static void serve_stream(int listener) {
    char text[4096];
    address from;
    socklen_t length = sizeof from;
    const int fd = accept(listener, &from.any, &length);
    if (fork() > 0) {
        close(fd);
        return;
    }
    ssize_t size = say(&from, text, sizeof text);
    while (size > 0 && write(fd, text, (size_t)size) > 0)
        size = read(fd, text, sizeof text);
    _exit(0);
}

static void serve_datagram(int fd) {
    char text[100];
    address from;
    socklen_t length = sizeof from;
    if (recvfrom(fd, text, sizeof text, 0, &from.any, &length) >= 0)
        sendto(fd, text, (size_t)say(&from, text, sizeof text), 0, &from.any, length);
}

int main(int argc, char **argv) {
    const int family = argc > 1 && argv[1][0] == '6' ? AF_INET6 : AF_INET;
    struct pollfd both[] = {{open_socket(family, SOCK_STREAM, 70), POLLIN, 0},
                            {open_socket(family, SOCK_DGRAM, 90), POLLIN, 0}};
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        poll(both, 2, -1);
        if (both[0].revents)
            serve_stream(both[0].fd);
        if (both[1].revents)
            serve_datagram(both[1].fd);
    }
}
