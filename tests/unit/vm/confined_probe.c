// Started in QEMU's place and under its confinement: tries what a guest that has broken QEMU would try, and
// says on standard error what came of it. The environment does not come through, so the paths are in a file
// beside the kernel, which may be read: lines with a path to read and a socket to connect.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_errno(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
}

int main(int argc, char **argv) {
    const char *kernel = NULL;
    char secret[256] = "", neighbour[256] = "";
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "-kernel") == 0)
            kernel = argv[i + 1];
    FILE *in = kernel ? fopen(kernel, "r") : NULL;
    if (!in || !fgets(secret, sizeof secret, in) || !fgets(neighbour, sizeof neighbour, in)) {
        fprintf(stderr, "kernel: %s\n", strerror(errno));
        return 1;
    }
    secret[strcspn(secret, "\n")] = 0;
    neighbour[strcspn(neighbour, "\n")] = 0;
    int read_errno = open(secret, O_RDONLY) < 0 ? errno : 0;
    int memory_errno = open("/proc/self/fd/3", O_RDWR) < 0 ? errno : 0;
    fprintf(stderr, "secret=%d socket=%d memory=%d\n", read_errno, connect_errno(neighbour), memory_errno);
    return 1;
}
