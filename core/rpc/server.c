// The serving side: listeners, connections, and the way from a path to a method.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/base/acceptor.h"
#include "core/rpc/internal.h"

typedef struct listener {
    struct listener *next;
    rpc_server *server;
    acceptor *taker;
    unsigned most;
    char *path; // removed with the listener while it is still ours
    dev_t device;
    ino_t inode;
} listener;

struct rpc_server {
    uv_loop_t *loop;
    const rpc_service *const *services;
    void *const *data;
    size_t service_count;

    uv_idle_t anchor; // never started: its close frees the server from the loop
    unsigned references;
    bool destroyed;
    listener *listeners;
    rpc_connection *connections;
    unsigned connection_count;
    void (*change)(rpc_server *server, void *data);
    void *change_data;
};

rpc_server *rpc_server_create(uv_loop_t *loop, const rpc_service *const *services, void *const *data,
                              size_t service_count) {
    rpc_server *server = rpc_allocate(sizeof *server);
    server->loop = loop;
    server->services = services;
    server->data = data;
    server->service_count = service_count;
    server->references = 1;
    uv_idle_init(loop, &server->anchor);
    server->anchor.data = server;
    return server;
}

static void release(rpc_server *server) {
    if (!--server->references)
        free(server);
}

unsigned rpc_server_connection_count(const rpc_server *server) {
    return server->connection_count;
}

void rpc_server_on_change(rpc_server *server, void (*change)(rpc_server *server, void *data), void *data) {
    server->change = change;
    server->change_data = data;
}

// ---- listeners ----

// Watches while there is room for another connection; the rest waits in the backlog.
static void watch_listeners(rpc_server *server) {
    for (listener *each = server->listeners; each; each = each->next)
        acceptor_pause(each->taker, server->connection_count >= each->most);
}

static void connections_changed(rpc_server *server) {
    watch_listeners(server);
    if (server->change && !server->destroyed)
        server->change(server, server->change_data);
}

static bool serve(rpc_server *server, int fd, holm_error **error) {
    rpc_connection *connection = rpc_connection_start(server->loop, fd, server, error);
    if (!connection)
        return false;
    connection->next = server->connections;
    if (connection->next)
        connection->next->previous = connection;
    server->connections = connection;
    server->connection_count++;
    server->references++;
    connections_changed(server);
    return true;
}

int rpc_server_adopt(rpc_server *server, int fd, holm_error **error) {
    return serve(server, fd, error) ? 0 : -1;
}

static void on_connection(void *data, int fd, const struct sockaddr_storage *peer) {
    const listener *self = data;
    (void)peer;
    serve(self->server, fd, NULL);
}

static listener *add_listener(rpc_server *server, int fd, unsigned most, holm_error **error) {
    listener *self = rpc_allocate(sizeof *self);
    self->taker = acceptor_create(server->loop, fd, on_connection, self, error);
    if (!self->taker) {
        free(self);
        return NULL;
    }
    self->server = server;
    self->most = most;
    self->next = server->listeners;
    server->listeners = self;
    watch_listeners(server);
    return self;
}

int rpc_server_listen_fd(rpc_server *server, int fd, unsigned most, holm_error **error) {
    return add_listener(server, fd, most, error) ? 0 : -1;
}

int rpc_server_listen(rpc_server *server, const char *path, unsigned most, holm_error **error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    if (strlen(path) >= sizeof address.sun_path) {
        holm_error_set(error, HOLM_ERROR_INVALID, "socket path %s is longer than %zu bytes", path,
                       sizeof address.sun_path - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    if (!lstat(path, &status) && S_ISSOCK(status.st_mode))
        unlink(path);
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // The mode of the socket before bind is that of the file: there is no moment at which others may connect.
    if (fd < 0 || fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&address, sizeof address) ||
        listen(fd, SOMAXCONN) || lstat(path, &status)) {
        holm_error_set_errno(error, errno, "listen on %s", path);
        return -1;
    }
    listener *self = add_listener(server, steal_fd(&fd), most, error);
    if (!self)
        return -1;
    self->path = strdup(path);
    self->device = status.st_dev;
    self->inode = status.st_ino;
    return 0;
}

static void close_listener(listener *self) {
    struct stat status;
    acceptor_destroy(self->taker);
    if (self->path && !lstat(self->path, &status) && status.st_dev == self->device &&
        status.st_ino == self->inode)
        unlink(self->path);
    free(self->path);
    free(self);
}

// ---- connections ----

void rpc_server_connection_lost(rpc_connection *connection) {
    rpc_server *server = connection->server;
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    server->connection_count--;
    rpc_connection_destroy(connection);
    connections_changed(server);
}

void rpc_server_connection_freed(rpc_server *server) {
    release(server);
}

static void on_anchor_closed(uv_handle_t *handle) {
    release(handle->data);
}

void rpc_server_destroy(rpc_server *server) {
    if (!server || server->destroyed)
        return;
    server->destroyed = true;
    for (listener *each = steal_pointer(&server->listeners), *next; each; each = next) {
        next = each->next;
        close_listener(each);
    }
    for (rpc_connection *each = steal_pointer(&server->connections), *next; each; each = next) {
        next = each->next;
        rpc_connection_destroy(each);
    }
    server->connection_count = 0;
    uv_close((uv_handle_t *)&server->anchor, on_anchor_closed);
}

// ---- calls ----

static const rpc_method *find_method(const rpc_service *service, const char *path) {
    size_t length = strlen(service->name);
    if (path[0] != '/' || strncmp(path + 1, service->name, length) != 0 || path[1 + length] != '/')
        return NULL;
    for (size_t i = 0; i < service->method_count; i++)
        if (!strcmp(service->methods[i].name, path + length + 2))
            return &service->methods[i];
    return NULL;
}

// Not a gRPC request at all: the answer is HTTP's (415).
static void refuse_media_type(rpc_stream *stream) {
    nghttp2_nv headers[] = {rpc_session_header(":status", "415")};
    stream->code = RPC_INTERNAL;
    stream->started = stream->finishing = true;
    nghttp2_submit_response(stream->connection->session, stream->id, headers, array_length(headers), NULL);
}

void rpc_server_open_stream(rpc_stream *stream) {
    rpc_server *server = stream->connection->server;
    if (stream->connection->destroyed || stream->connection->lost || stream->finishing)
        return;
    if (!stream->is_post || !stream->is_grpc || !stream->path) {
        refuse_media_type(stream);
        return;
    }
    uint64_t timeout = stream->timeout ? rpc_timeout_parse(stream->timeout) : 0;
    for (size_t i = 0; i < server->service_count && !stream->method; i++) {
        stream->method = find_method(server->services[i], stream->path);
        if (!stream->method)
            continue;
        stream->service = server->services[i];
        stream->opened = true;
        if (timeout)
            rpc_connection_add_deadline(stream, timeout);
        stream->method->open(stream, server->data ? server->data[i] : NULL);
    }
    if (!stream->method)
        rpc_stream_abort(stream, RPC_UNIMPLEMENTED, "there is no such method");
}
