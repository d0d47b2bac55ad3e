// Bytes from a hostile server, to a client with one call of each kind open.
#include <stdlib.h>

#include "tests/fuzz/rpc/peer.h"
#include "tests/unit/rpc/echo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_done(const ProtobufCMessage *response, const holm_error *error, void *data) {
    if (!response == !error)
        abort();
    ++*(unsigned *)data;
}

static void on_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    const Holm__Test__V1__Blob *blob = (const Holm__Test__V1__Blob *)message;
    (void)data;
    if (blob->number == 1)
        rpc_stream_pause(stream);
    else if (blob->number == 2)
        rpc_stream_cancel(stream);
    else
        rpc_stream_send(stream, message);
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)code;
    (void)text;
    holm_error_free(rpc_stream_error(stream));
    ++*(unsigned *)data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const rpc_stream_events events = {.message = on_message, .close = on_close};
    static const size_t pieces[] = {1 << 20, 4096, 700, 61};
    if (size < 1)
        return 0;
    uv_loop_t loop;
    unsigned done = 0;
    int other;
    int fd = peer_open(&other);
    Holm__Test__V1__Blob blob = HOLM__TEST__V1__BLOB__INIT;
    uv_loop_init(&loop);
    rpc_connection *client = rpc_connection_create(&loop, other, NULL, NULL, NULL);
    if (!client)
        abort();
    rpc_call_unary(client, &echo_service, "Unary", &blob.base, on_done, &done, 0);
    rpc_stream_send(rpc_call_open(client, &echo_service, "Chat", &events, &done, 0), &blob.base);
    rpc_stream_half_close(rpc_call_open(client, &echo_service, "Down", &events, &done, 0));
    peer_play(&loop, fd, data + 1, size - 1, pieces[data[0] & 3]);
    rpc_connection_destroy(client);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (done != 3 || uv_loop_close(&loop))
        abort();
    return 0;
}
