// Connections from the host into the network: libslirp accepts them and speaks TCP with the guest.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/network/ethernet.h"
#include "core/network/gateway_internal.h"

#define BACKLOG 4096 // libslirp's own is 1: whoever comes while it accepts one would be sent away

struct gateway_forward {
    struct gateway_forward *next;
    struct sockaddr_in host;
    uint32_t ip;
    uint16_t port;
};

// The socket that libslirp has opened since `lowest` was the lowest free descriptor.
static int tune_listener(int lowest, struct sockaddr_in *host) {
    int listens = 0;
    socklen_t length = sizeof listens;
    if (getsockopt(lowest, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0 || !listens) {
        errno = ENOTSOCK;
        return -1;
    }
    length = sizeof *host;
    return fcntl(lowest, F_SETFD, FD_CLOEXEC) < 0 || listen(lowest, BACKLOG) < 0 ||
                   getsockname(lowest, (struct sockaddr *)host, &length) < 0
               ? -1
               : 0;
}

gateway_forward *gateway_forward_open(gateway *self, struct sockaddr_in *host, uint32_t ip, uint16_t port) {
    const struct sockaddr_in guest = {
        .sin_family = AF_INET, .sin_addr = {htonl(ip)}, .sin_port = htons(port)};
    int lowest = fcntl(self->prepare.loop->backend_fd, F_DUPFD_CLOEXEC, 0);
    if (lowest < 0)
        return NULL;
    close(lowest);
    if (slirp_add_hostxfwd(self->slirp, (const struct sockaddr *)host, sizeof *host,
                           (const struct sockaddr *)&guest, sizeof guest, 0) < 0)
        return NULL;
    gateway_forward *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    *made = (gateway_forward){.next = self->forwards, .host = *host, .ip = ip, .port = port};
    self->forwards = made;
    if (tune_listener(lowest, &made->host) < 0) {
        int problem = errno;
        gateway_forward_close(self, made);
        errno = problem;
        return NULL;
    }
    *host = made->host;
    return made;
}

void gateway_forward_close(gateway *self, gateway_forward *forward) {
    for (gateway_forward **link = &self->forwards; *link; link = &(*link)->next)
        if (*link == forward) {
            *link = forward->next;
            break;
        }
    for (gateway_descriptor *each = self->descriptors; each; each = each->next)
        if (each->forward == forward) {
            shutdown(each->fd, SHUT_RDWR); // the member may be gone: its clients shall not wait for it
            each->forward = NULL;
        }
    slirp_remove_hostxfwd(self->slirp, (const struct sockaddr *)&forward->host, sizeof forward->host, 0);
    free(forward);
}

void gateway_forward_finish(gateway *self) {
    for (gateway_forward *each = self->forwards, *next; each; each = next) {
        next = each->next;
        free(each);
    }
    self->forwards = NULL;
}

void gateway_forward_accepted(gateway *self, gateway_descriptor *accepted) {
    struct sockaddr_in peer = {0}, own = {0};
    socklen_t length = sizeof peer, own_length = sizeof own;
    accepted->forward = NULL;
    if (!self->forwards || getpeername(accepted->fd, (struct sockaddr *)&peer, &length) < 0 ||
        getsockname(accepted->fd, (struct sockaddr *)&own, &own_length) < 0 || peer.sin_family != AF_INET)
        return;
    for (const gateway_forward *each = self->forwards; each; each = each->next)
        if (each->host.sin_port == own.sin_port &&
            (each->host.sin_addr.s_addr == INADDR_ANY || each->host.sin_addr.s_addr == own.sin_addr.s_addr))
            accepted->forward = each;
    accepted->peer = peer.sin_addr;
    accepted->peer_port = peer.sin_port;
}

// libslirp closes what the guest has reset in the ordinary way, as if it had come to its end. Told not to
// linger, that close is a reset to the client too.
void gateway_forward_look(gateway *self, const uint8_t *bytes, size_t length) {
    ethernet_frame frame;
    if (!self->forwards || !ethernet_parse(bytes, length, &frame) || !frame.tcp_resets)
        return;
    const struct linger at_once = {.l_onoff = 1};
    for (const gateway_descriptor *each = self->descriptors; each; each = each->next) {
        if (!each->forward || each->forward->ip != frame.ipv4_source ||
            each->forward->port != frame.source_port || ntohs(each->peer_port) != frame.destination_port)
            continue;
        uint32_t peer = ntohl(each->peer.s_addr);
        bool local = peer >> 24 == 127; // such a client is the gateway to the guest
        if (frame.ipv4_destination == (local ? self->options.address : peer))
            setsockopt(each->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
}
