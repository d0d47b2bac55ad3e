// The calling side.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/rpc/internal.h"

rpc_connection *rpc_connection_create(uv_loop_t *loop, int fd, rpc_connection_closed closed, void *data,
                                      holm_error **error) {
    rpc_connection *connection = rpc_connection_start(loop, fd, NULL, error);
    if (!connection)
        return NULL;
    connection->closed = closed;
    connection->data = data;
    return connection;
}

rpc_connection *rpc_connection_open(uv_loop_t *loop, const char *path, rpc_connection_closed closed,
                                    void *data, holm_error **error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        holm_error_set(error, HOLM_ERROR_INVALID, "socket path %s is longer than %zu bytes", path,
                       sizeof address.sun_path - 1);
        return NULL;
    }
    strcpy(address.sun_path, path);
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) {
        holm_error_set_errno(error, errno, "connect to %s", path);
        return NULL;
    }
    return rpc_connection_create(loop, steal_fd(&fd), closed, data, error);
}

int rpc_connection_peer(const rpc_connection *connection) {
    struct ucred who;
    socklen_t size = sizeof who;
    if (connection->lost || getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
        return -1;
    return (int)syscall(SYS_pidfd_open, who.pid, 0);
}

bool rpc_connection_is_lost(const rpc_connection *connection) {
    return connection->lost;
}

static const rpc_method *find_method(const rpc_service *service, const char *name) {
    for (size_t i = 0; i < service->method_count; i++)
        if (!strcmp(service->methods[i].name, name))
            return &service->methods[i];
    return NULL;
}

static void submit_request(rpc_stream *stream, unsigned timeout_ms) {
    rpc_connection *connection = stream->connection;
    char timeout[16];
    cleanup_buffer buffer path = BUFFER_INIT;
    buffer_append_format(&path, "/%s/%s", stream->service->name, stream->method->name);
    rpc_timeout_format(timeout_ms, timeout);
    nghttp2_nv headers[] = {
        rpc_session_header(":method", "POST"),
        rpc_session_header(":scheme", "http"),
        rpc_session_header(":path", buffer_text(&path)),
        rpc_session_header(":authority", "localhost"),
        rpc_session_header("te", "trailers"),
        rpc_session_header("content-type", "application/grpc"),
        rpc_session_header("user-agent", "holm/" HOLM_VERSION),
        rpc_session_header("grpc-timeout", timeout), // last: left out where there is none
    };
    nghttp2_data_provider provider = rpc_session_data_provider();
    int32_t id = nghttp2_submit_request(connection->session, NULL, headers,
                                        array_length(headers) - (timeout_ms ? 0 : 1), &provider, stream);
    stream->started = true;
    if (id < 0)
        rpc_stream_end(stream, RPC_UNAVAILABLE, nghttp2_strerror(id));
    else
        stream->id = id;
}

rpc_stream *rpc_call_open(rpc_connection *connection, const rpc_service *service, const char *method,
                          const rpc_stream_events *events, void *data, unsigned timeout_ms) {
    rpc_stream *stream = rpc_stream_create(connection);
    rpc_stream_set_events(stream, events, data);
    stream->opened = true;
    stream->service = service;
    stream->method = find_method(service, method);
    if (!stream->method) {
        rpc_stream_end(stream, RPC_UNIMPLEMENTED, "there is no such method");
    } else if (connection->lost || connection->destroyed) {
        rpc_stream_end(stream, RPC_UNAVAILABLE, "the connection is lost");
    } else {
        submit_request(stream, timeout_ms);
        if (timeout_ms)
            rpc_connection_add_deadline(stream, timeout_ms);
        rpc_connection_schedule(connection);
    }
    return stream;
}

// ---- one request, one answer ----

typedef struct unary_call {
    rpc_call_done done;
    void *data;
    ProtobufCMessage *response;
} unary_call;

static void on_unary_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)message;
    unary_call *call = data;
    if (call->response) // who goes on talking is not listened to
        rpc_stream_abort(stream, RPC_INTERNAL, "more than one answer");
    else
        call->response = rpc_stream_steal_message(stream);
}

static void on_unary_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)text;
    unary_call *call = data;
    cleanup_error holm_error *error = rpc_stream_error(stream);
    if (code == RPC_OK && !call->response)
        holm_error_set(&error, HOLM_ERROR_INTERNAL, "call %s: no answer", stream->method->name);
    if (call->done)
        call->done(error ? NULL : call->response, error, call->data);
    rpc_message_free(call->response);
    free(call);
}

void rpc_call_unary(rpc_connection *connection, const rpc_service *service, const char *method,
                    const ProtobufCMessage *request, rpc_call_done done, void *data, unsigned timeout_ms) {
    static const rpc_stream_events events = {.message = on_unary_message, .close = on_unary_close};
    unary_call *call = rpc_allocate(sizeof *call);
    call->done = done;
    call->data = data;
    rpc_stream *stream = rpc_call_open(connection, service, method, &events, call, timeout_ms);
    rpc_stream_send(stream, request);
    rpc_stream_half_close(stream);
}
