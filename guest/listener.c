#include "guest/listener.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <string.h>
#include <sys/socket.h>

#define LOG_MODULE "listener"
#include "core/base/log.h"

// A process of the container that dials its own machine is not the host. With too many connections the new
// one goes: a client that leaves some open must not lock the shim's out for good, so their number is
// generous.
static void on_connection(void *data, int taken, const struct sockaddr_storage *from) {
    agent *self = data;
    struct sockaddr_vm peer;
    cleanup_close int fd = taken;
    memcpy(&peer, from, sizeof peer);
    if (peer.svm_cid != VMADDR_CID_HOST || rpc_server_connection_count(self->server) >= AGENT_CONNECTIONS) {
        log_warning("refused a connection from context %u", peer.svm_cid);
        return;
    }
    cleanup_error holm_error *error = NULL;
    if (rpc_server_adopt(self->server, steal_fd(&fd), &error) < 0)
        log_warning("%s", holm_error_message(error));
}

acceptor *listener_create(agent *self, holm_error **error) {
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = AGENT_PORT, .svm_cid = VMADDR_CID_ANY};
    cleanup_close int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, AGENT_CONNECTIONS) < 0) {
        holm_error_set_errno(error, errno, "listen on vsock port %d", AGENT_PORT);
        return NULL;
    }
    return acceptor_create(self->loop, steal_fd(&fd), on_connection, self, error);
}
