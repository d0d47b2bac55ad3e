// What a QEMU that was taken over answers on its control socket.
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vm/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_event(const char *name, json_t *information, void *user) {
    (void)information;
    *(size_t *)user += name[0] != 0;
}

static void on_lost(const holm_error *error, void *user) {
    (void)error;
    ++*(size_t *)user;
}

static void on_reply(json_t *result, const holm_error *error, void *user) {
    if (!result == !error)
        abort(); // exactly one of the two
    ++*(size_t *)user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const qmp_events events = {on_event, on_lost};
    uv_loop_t loop;
    int pair[2];
    size_t seen = 0, replies = 0;
    if (uv_loop_init(&loop) != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        abort();
    qmp *client = qmp_create(&loop, pair[0], &events, &seen, NULL);
    qmp_execute(client, "query-status", NULL, -1, on_reply, &replies);
    qmp_execute(client, "stop", NULL, -1, on_reply, &replies);
    for (size_t at = 0; at < size;) {
        ssize_t part = send(pair[1], data + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (part > 0)
            at += (size_t)part;
        uv_run(&loop, UV_RUN_NOWAIT);
        if (part <= 0)
            break;
    }
    close(pair[1]);
    uv_run(&loop, UV_RUN_NOWAIT);
    qmp_destroy(client);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (replies != 2)
        abort(); // each command is answered once, whatever happens
    uv_loop_close(&loop);
    return 0;
}
