// datagrams ADDRESS PORT SIZE COUNT: sends COUNT datagrams to an echo server, one after the other, and says
// how many came back as they were. Runs inside a container.
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

int main(int count, char **arguments) {
    static uint8_t sent[65536], got[65536];
    if (count != 5)
        return 2;
    in_port_t port = htons((uint16_t)atoi(arguments[2]));
    struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = port};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = port};
    int v6 = inet_pton(AF_INET6, arguments[1], &to6.sin6_addr) == 1;
    size_t size = (size_t)atoi(arguments[3]);
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    struct timeval patience = {.tv_sec = 10};
    if (size > sizeof sent || (!v6 && inet_pton(AF_INET, arguments[1], &to4.sin_addr) != 1) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) ||
        (v6 ? connect(fd, (struct sockaddr *)&to6, sizeof to6)
            : connect(fd, (struct sockaddr *)&to4, sizeof to4))) {
        perror("datagrams");
        return 1;
    }
    int same = 0;
    for (int i = 0; i < atoi(arguments[4]); i++) {
        memset(sent, i, size);
        if (send(fd, sent, size, 0) != (ssize_t)size)
            perror("send");
        else
            same += recv(fd, got, sizeof got, 0) == (ssize_t)size && memcmp(sent, got, size) == 0;
    }
    printf("%d\n", same);
    return 0;
}
