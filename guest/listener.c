#include "guest/listener.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>

#define LOG_MODULE "listener"
#include "core/base/log.h"

// A process of the container that dials its own machine is not the host. With too many connections the new
// one goes: a client that leaves some open must not lock the shim's out for good, so their number is
// generous.
static void on_connection(void *data, int events) {
    agent *self = data;
    struct sockaddr_vm peer;
    socklen_t length = sizeof peer;
    (void)events;
    cleanup_close int fd =
        accept4(watch_fd(self->listener), (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (peer.svm_cid != VMADDR_CID_HOST || rpc_server_connection_count(self->server) >= AGENT_CONNECTIONS) {
        log_warning("refused a connection from context %u", peer.svm_cid);
        return;
    }
    cleanup_error holm_error *error = NULL;
    if (rpc_server_adopt(self->server, steal_fd(&fd), &error) < 0)
        log_warning("%s", holm_error_message(error));
}

watch *listener_create(agent *self, holm_error **error) {
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = AGENT_PORT, .svm_cid = VMADDR_CID_ANY};
    cleanup_close int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, AGENT_CONNECTIONS) < 0) {
        holm_error_set_errno(error, errno, "listen on vsock port %d", AGENT_PORT);
        return NULL;
    }
    watch *listener = watch_create(self->loop, steal_fd(&fd), on_connection, self, error);
    watch_events(listener, UV_READABLE);
    return listener;
}
