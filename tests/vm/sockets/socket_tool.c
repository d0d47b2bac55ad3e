// For the inside of a container, which has no tool for unix sockets.
//   socket_tool echo PATH   listens at PATH and sends every connection back what it says, up to its end
//   socket_tool ask PATH    connects to PATH, sends its input up to the end, and prints what comes back
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int copy(int from, int to) {
    char bytes[65536];
    ssize_t got;
    while ((got = read(from, bytes, sizeof bytes)) > 0)
        for (ssize_t at = 0, put; at < got; at += put)
            if ((put = write(to, bytes + at, (size_t)(got - at))) <= 0)
                return 1;
    return got < 0;
}

static int echo(int fd, const struct sockaddr_un *address) {
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 || listen(fd, 64) < 0)
        return 1;
    puts("listening"), fflush(stdout);
    for (int client; (client = accept(fd, NULL, NULL)) >= 0; close(client))
        if (fork() == 0)
            _exit(copy(client, client));
    return 1;
}

static int ask(int fd, const struct sockaddr_un *address) {
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 || copy(0, fd))
        return 1;
    shutdown(fd, SHUT_WR);
    return copy(fd, 1);
}

int main(int count, char **arguments) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (count != 3 || strlen(arguments[2]) >= sizeof address.sun_path)
        return 2;
    strcpy(address.sun_path, arguments[2]);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return strcmp(arguments[1], "echo") == 0 ? echo(fd, &address) : ask(fd, &address);
}
