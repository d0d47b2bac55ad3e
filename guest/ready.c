#include "guest/ready.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/watch.h"
#include "guest/agent.h"
#include "guest/uevent.h"

#define LOG_MODULE "ready"
#include "core/base/log.h"

struct ready {
    uv_loop_t *loop;
    watch *uevents;
    watch *connection;
};

static void finish(ready *self) {
    watch_destroy(self->uevents);
    watch_destroy(self->connection);
    free(self);
}

static void on_connected(void *data, int events) {
    ready *self = data;
    int failed = 0;
    socklen_t length = sizeof failed;
    (void)events;
    getsockopt(watch_fd(self->connection), SOL_SOCKET, SO_ERROR, &failed, &length);
    if (failed || send(watch_fd(self->connection), "ready\n", 6, MSG_NOSIGNAL) != 6)
        log_warning("nobody on the host waits to hear that the agent is up: %s",
                    strerror(failed ? failed : errno));
    finish(self);
}

// Returns whether there is a device to dial through.
static bool dial(ready *self) {
    struct sockaddr_vm host = {.svm_family = AF_VSOCK, .svm_port = AGENT_PORT, .svm_cid = VMADDR_CID_HOST};
    cleanup_close int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    if (connect(fd, (struct sockaddr *)&host, sizeof host) < 0 && errno != EINPROGRESS)
        return false;
    self->connection = watch_create(self->loop, steal_fd(&fd), on_connected, self, NULL);
    watch_events(self->connection, UV_WRITABLE);
    return self->connection != NULL;
}

static void on_uevent(void *data, int events) {
    ready *self = data;
    (void)events;
    uevent_drain(watch_fd(self->uevents));
    if (dial(self))
        watch_destroy(steal_pointer(&self->uevents));
}

int ready_start(uv_loop_t *loop, int uevents, holm_error **error) {
    ready *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    self->uevents = watch_create(loop, uevents, on_uevent, self, error);
    if (!self->uevents) {
        free(self);
        return -1;
    }
    if (dial(self))
        watch_destroy(steal_pointer(&self->uevents));
    else
        watch_events(self->uevents, UV_READABLE);
    return 0;
}
