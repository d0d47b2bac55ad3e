// The C side of the interop test: serves the echo service on a socket, or calls one that Python serves.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/rpc/echo.h"

typedef struct caller {
    uv_loop_t loop;
    rpc_connection *connection;
    uint64_t sent, bytes, messages, sent_digest, digest;
} caller;

static void on_signal(uv_signal_t *signal, int number) {
    (void)number;
    rpc_server_destroy(signal->data);
    uv_close((uv_handle_t *)signal, NULL);
}

static int serve(uv_loop_t *loop, const char *path) {
    static const rpc_service *const services[] = {&echo_service};
    holm_error *error = NULL;
    uv_signal_t signal;
    rpc_server *server = rpc_server_create(loop, services, NULL, 1);
    if (rpc_server_listen(server, path, 8, &error) < 0) {
        fprintf(stderr, "%s\n", holm_error_message(error));
        return 1;
    }
    uv_signal_init(loop, &signal);
    signal.data = server;
    uv_signal_start(&signal, on_signal, SIGTERM);
    puts("ready");
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}

// ---- calling: each call prints one line when it ends ----

static void print_end(const char *name, const holm_error *error) {
    const char *hint = error ? holm_error_hint_of(error) : NULL;
    printf("%s %s|%s|%s\n", name, error ? holm_error_code_name(holm_error_code_of(error)) : "ok",
           error ? holm_error_message(error) : "", hint ? hint : "");
}

static void on_unary(const ProtobufCMessage *response, const holm_error *error, void *data) {
    print_end(data, error);
    if (response)
        printf("%s number %llu\n", (const char *)data,
               (unsigned long long)((const Holm__Test__V1__Blob *)response)->number);
}

static void chat_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)stream;
    caller *self = data;
    const Holm__Test__V1__Blob *blob = (const Holm__Test__V1__Blob *)message;
    self->messages++;
    self->bytes += blob->data.len;
    self->digest = echo_digest(self->digest, blob->data.data, blob->data.len);
}

static void chat_send(rpc_stream *stream, void *data) {
    caller *self = data;
    static uint8_t bytes[50000];
    while (self->sent < 400 && !rpc_stream_congested(stream)) {
        Holm__Test__V1__Blob blob = HOLM__TEST__V1__BLOB__INIT;
        echo_fill(bytes, sizeof bytes, self->sent++);
        blob.data = (ProtobufCBinaryData){sizeof bytes, bytes};
        self->sent_digest = echo_digest(self->sent_digest, bytes, sizeof bytes);
        rpc_stream_send(stream, &blob.base);
    }
    if (self->sent == 400)
        rpc_stream_half_close(stream);
}

static void chat_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)code;
    (void)text;
    caller *self = data;
    cleanup_error holm_error *error = rpc_stream_error(stream);
    print_end("chat", error);
    printf("chat messages %llu digest %s\n", (unsigned long long)self->messages,
           self->digest == self->sent_digest ? "equal" : "different");
    rpc_connection_destroy(self->connection);
}

static int call(uv_loop_t *loop, const char *path) {
    static const rpc_stream_events events = {
        .message = chat_message, .drained = chat_send, .close = chat_close};
    caller self = {.digest = ECHO_DIGEST_START, .sent_digest = ECHO_DIGEST_START};
    holm_error *error = NULL;
    Holm__Test__V1__Blob blob = HOLM__TEST__V1__BLOB__INIT;
    self.connection = rpc_connection_open(loop, path, NULL, NULL, &error);
    if (!self.connection) {
        fprintf(stderr, "%s\n", holm_error_message(error));
        return 1;
    }
    blob.number = 42;
    blob.text = (char[]){"not-found"};
    rpc_call_unary(self.connection, &echo_service, "Unary", &blob.base, on_unary, (char[]){"unary"}, 5000);
    rpc_call_unary(self.connection, &echo_service, "Fail", &blob.base, on_unary, (char[]){"fail"}, 0);
    rpc_call_unary(self.connection, &echo_service, "Hang", &blob.base, on_unary, (char[]){"hang"}, 200);
    rpc_call_unary(self.connection, &echo_service, "Up", &blob.base, on_unary, (char[]){"unimplemented"}, 0);
    uv_run(loop, UV_RUN_NOWAIT);
    chat_send(rpc_call_open(self.connection, &echo_service, "Chat", &events, &self, 0), &self);
    return uv_run(loop, UV_RUN_DEFAULT);
}

int main(int count, char **arguments) {
    uv_loop_t loop;
    if (count != 3)
        return 2;
    uv_loop_init(&loop);
    int result = !strcmp(arguments[1], "serve") ? serve(&loop, arguments[2]) : call(&loop, arguments[2]);
    return uv_loop_close(&loop) ? 3 : result;
}
