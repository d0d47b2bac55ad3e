// Speed of core/rpc over a socket pair between two processes: a stream of the given MiB, and single calls.
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/unit/rpc/echo.h"

#define MESSAGE_SIZE (64u << 10)
#define CALLS        20000u

typedef struct bench {
    uv_loop_t loop;
    rpc_connection *connection;
    uint64_t bytes, start;
    unsigned calls;
} bench;

static void serve(int fd) {
    static const rpc_service *const services[] = {&echo_service};
    uv_loop_t loop;
    uv_loop_init(&loop);
    rpc_server *server = rpc_server_create(&loop, services, NULL, 1);
    rpc_server_adopt(server, fd, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    rpc_server_destroy(server);
    uv_run(&loop, UV_RUN_DEFAULT);
    exit(uv_loop_close(&loop) ? 1 : 0);
}

static void next_call(bench *self);

static void on_call(const ProtobufCMessage *response, const holm_error *error, void *data) {
    bench *self = data;
    if (error || !response)
        exit(1);
    if (++self->calls < CALLS) {
        next_call(self);
        return;
    }
    printf("unary %.1f us a call\n", (double)(uv_hrtime() - self->start) / 1e3 / CALLS);
    rpc_connection_destroy(self->connection);
}

static void next_call(bench *self) {
    Holm__Test__V1__Blob blob = HOLM__TEST__V1__BLOB__INIT;
    blob.number = 1;
    rpc_call_unary(self->connection, &echo_service, "Unary", &blob.base, on_call, self, 0);
}

static void on_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)stream;
    ((bench *)data)->bytes += ((const Holm__Test__V1__Blob *)message)->data.len;
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)stream;
    bench *self = data;
    if (code != RPC_OK) {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
    double seconds = (double)(uv_hrtime() - self->start) / 1e9;
    printf("stream %.0f MB in %.2f s: %.0f MB/s\n", (double)self->bytes / 1e6, seconds,
           (double)self->bytes / 1e6 / seconds);
    self->start = uv_hrtime();
    next_call(self);
}

int main(int count, char **arguments) {
    static const rpc_stream_events events = {.message = on_message, .close = on_close};
    bench self = {0};
    int pair[2];
    if (count != 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return 2;
    if (!fork()) {
        close(pair[0]);
        serve(pair[1]);
    }
    close(pair[1]);
    uv_loop_init(&self.loop);
    self.connection = rpc_connection_create(&self.loop, pair[0], NULL, NULL, NULL);
    self.start = uv_hrtime();
    Holm__Test__V1__Blob request = HOLM__TEST__V1__BLOB__INIT;
    request.number = strtoull(arguments[1], NULL, 10) * (1u << 20) / MESSAGE_SIZE;
    request.size = MESSAGE_SIZE;
    rpc_stream *stream = rpc_call_open(self.connection, &echo_service, "Down", &events, &self, 0);
    rpc_stream_send(stream, &request.base);
    rpc_stream_half_close(stream);
    uv_run(&self.loop, UV_RUN_DEFAULT);
    int status = 1;
    wait(&status);
    return uv_loop_close(&self.loop) || status;
}
