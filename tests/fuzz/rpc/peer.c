#include "tests/fuzz/rpc/peer.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int peer_open(int *other) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
        abort();
    *other = pair[1];
    return pair[0];
}

static void drain(int fd) {
    char sink[65536];
    while (recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0)
        continue;
}

void peer_play(uv_loop_t *loop, int fd, const uint8_t *data, size_t length, size_t piece) {
    uv_run(loop, UV_RUN_NOWAIT);
    while (length) {
        size_t part = piece < length ? piece : length;
        ssize_t sent = send(fd, data, part, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            break; // the other end has had enough of us
        data += sent;
        length -= (size_t)sent;
        for (int i = 0; i < 3; i++)
            uv_run(loop, UV_RUN_NOWAIT);
        drain(fd);
    }
    for (int i = 0; i < 10; i++) {
        uv_run(loop, UV_RUN_NOWAIT);
        drain(fd);
    }
    close(fd);
    uv_run(loop, UV_RUN_DEFAULT);
}
