#include "guest/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/vm_sockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/base/acceptor.h"
#include "core/base/relay_pair.h"
#include "guest/inside.h"

#define LOG_MODULE "relay"
#include "core/base/log.h"

#define RELAYS_MAX      64
#define CONNECTIONS_MAX 256 ///< of one relay
#define NAME_MAX_BYTES  64  ///< of a socket's name: with its folder as a link it has to fit a socket address

typedef struct relay_connection {
    struct relay_connection *next;
    struct relay *relay;
    relay_pair *pair;
} relay_connection;

struct relay {
    relay *next;
    agent *agent;
    uint64_t number;
    bool in;
    char *path;
    uint32_t port;
    acceptor *listener;
    relay_connection *connections;
    unsigned connection_count;
};

// ---- the two ends ----

static int dial_host(uint32_t port, bool *connecting) {
    struct sockaddr_vm host = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_HOST};
    cleanup_close int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *connecting = fd >= 0 && connect(fd, (struct sockaddr *)&host, sizeof host) < 0;
    return *connecting && errno != EINPROGRESS ? -1 : steal_fd(&fd);
}

static int dial_inside(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_close int root = inside_root(false, NULL);
    cleanup_close int target = root < 0 ? -1 : inside_open(root, path, O_PATH, 0, NULL);
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (target < 0 || fd < 0)
        return -1;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", inside_link_of(target).path);
    return connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : steal_fd(&fd);
}

static int listen_vsock(uint32_t port, holm_error **error) {
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_ANY};
    cleanup_close int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 64) == 0)
        return steal_fd(&fd);
    holm_error_set_errno(error, errno, "listen on vsock port %u", port);
    return -1;
}

// A socket that is there is what a relay before us has left; anything else is someone's.
static int make_room(int parent, const char *name, const char *path, holm_error **error) {
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISSOCK(status.st_mode) && unlinkat(parent, name, 0) == 0)
        return 0;
    holm_error_set(error, HOLM_ERROR_EXISTS, "there is something else at %s", path);
    return -1;
}

static int listen_inside(const Holm__Agent__V1__RelaySocketRequest *request, holm_error **error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_free char *name = NULL;
    cleanup_close int root = inside_root(false, error);
    cleanup_close int parent = root < 0 ? -1 : inside_open_parent(root, request->path, true, &name, error);
    if (parent < 0 || make_room(parent, name, request->path, error) < 0)
        return -1;
    if (strlen(name) > NAME_MAX_BYTES) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the name of a socket has more than %d bytes",
                       NAME_MAX_BYTES);
        return -1;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", inside_link_of(parent).path, name);
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0 ||
        fchmodat(parent, name, request->mode ? request->mode & 0777 : 0600, 0) < 0 ||
        fchownat(parent, name, request->uid, request->gid, AT_SYMLINK_NOFOLLOW) < 0) {
        holm_error_set_errno(error, errno, "listen on %s", request->path);
        return -1;
    }
    return steal_fd(&fd);
}

// ---- connections ----

static void connection_free(relay_connection *self) {
    relay_connection **link = &self->relay->connections;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    self->relay->connection_count--;
    free(self);
}

static void on_pair_ended(relay_pair *pair, void *data) {
    (void)pair;
    connection_free(data);
}

static bool is_host(const struct sockaddr_storage *from) {
    struct sockaddr_vm peer;
    memcpy(&peer, from, sizeof peer);
    return peer.svm_cid == VMADDR_CID_HOST;
}

static void on_connection(void *data, int taken, const struct sockaddr_storage *peer) {
    relay *self = data;
    bool connecting = false;
    cleanup_close int fd = taken;
    if ((!self->in && !is_host(peer)) || self->connection_count >= CONNECTIONS_MAX)
        return;
    cleanup_close int far = self->in ? dial_host(self->port, &connecting) : dial_inside(self->path);
    if (far < 0) {
        log_warning("nobody takes the connection of %s and port %u", self->path, self->port);
        return;
    }
    relay_connection *added = calloc(1, sizeof *added);
    if (!added)
        abort();
    *added = (relay_connection){.relay = self, .next = self->connections};
    self->connections = added;
    self->connection_count++;
    added->pair = relay_pair_create(self->agent->loop, steal_fd(&fd), steal_fd(&far), connecting,
                                    on_pair_ended, added, NULL);
    if (!added->pair)
        connection_free(added);
}

// ---- calls ----

static int check_request(const agent *self, const Holm__Agent__V1__RelaySocketRequest *request,
                         holm_error **error) {
    size_t count = 0;
    for (const relay *each = self->relays; each; each = each->next)
        count++;
    if (count >= RELAYS_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "more than %d relays", RELAYS_MAX);
        return -1;
    }
    if (!*request->path || request->port <= AGENT_PORT) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a relay needs a path and a port above %d", AGENT_PORT);
        return -1;
    }
    return 0;
}

ProtobufCMessage *relay_start(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__RelaySocketRequest *request = (const void *)message;
    Holm__Agent__V1__RelaySocketResponse response = HOLM__AGENT__V1__RELAY_SOCKET_RESPONSE__INIT;
    if (check_request(self, request, error) < 0)
        return NULL;
    int fd = request->in ? listen_inside(request, error) : listen_vsock(request->port, error);
    relay *added = fd < 0 ? NULL : calloc(1, sizeof *added);
    if (!added)
        return NULL;
    added->listener = acceptor_create(self->loop, fd, on_connection, added, error);
    if (!added->listener) {
        free(added);
        return NULL;
    }
    added->agent = self;
    added->number = ++self->relay_number;
    added->in = request->in;
    added->path = strdup(request->path);
    added->port = request->port;
    added->next = self->relays;
    self->relays = added;
    char id[24];
    snprintf(id, sizeof id, "%" PRIu64, added->number);
    response.id = id;
    return agent_copy_message(&response.base);
}

static void remove_socket(const relay *self) {
    cleanup_free char *name = NULL;
    cleanup_close int root = inside_root(false, NULL);
    cleanup_close int parent = root < 0 ? -1 : inside_open_parent(root, self->path, false, &name, NULL);
    if (parent >= 0)
        unlinkat(parent, name, 0);
}

// Out of the list already.
static void relay_destroy(relay *self) {
    acceptor_destroy(self->listener);
    if (self->in)
        remove_socket(self);
    while (self->connections) {
        relay_pair_destroy(self->connections->pair);
        connection_free(self->connections);
    }
    free(self->path);
    free(self);
}

void relay_stop_all(agent *self) {
    while (self->relays) {
        relay *first = self->relays;
        self->relays = first->next;
        relay_destroy(first);
    }
}

ProtobufCMessage *relay_stop(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__StopRelayRequest *request = (const void *)message;
    relay **link = &self->relays;
    char id[24];
    for (; *link; link = &(*link)->next) {
        snprintf(id, sizeof id, "%" PRIu64, (*link)->number);
        if (strcmp(id, request->id) == 0)
            break;
    }
    relay *found = *link;
    if (!found) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no relay \"%.20s\"", request->id);
        return NULL;
    }
    *link = found->next;
    relay_destroy(found);
    return call_empty();
}
