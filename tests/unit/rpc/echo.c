#include "tests/unit/rpc/echo.h"

#include <stdlib.h>
#include <string.h>

typedef struct call {
    echo_state *state;
    uint64_t left, size, count, bytes, digest;
    uint8_t *data;
} call;

uint64_t echo_digest(uint64_t digest, const uint8_t *data, size_t length) {
    for (; length >= 8; data += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        digest = (digest ^ word) * 0x100000001b3u;
    }
    for (; length; data++, length--)
        digest = (digest ^ *data) * 0x100000001b3u;
    return digest;
}

void echo_fill(uint8_t *data, size_t length, uint64_t seed) {
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)stream;
    (void)text;
    call *self = data;
    if (self->state) {
        self->state->closed++;
        self->state->last_code = code;
    }
    free(self->data);
    free(self);
}

static void begin(rpc_stream *stream, const rpc_stream_events *events, echo_state *state) {
    call *self = calloc(1, sizeof *self);
    self->state = state;
    self->digest = ECHO_DIGEST_START;
    if (state)
        state->opened++;
    rpc_stream_set_events(stream, events, self);
}

static void unary_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)data;
    rpc_stream_reply(stream, message);
}

static void open_unary(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = unary_message, .close = on_close};
    begin(stream, &events, data);
}

static void down_more(rpc_stream *stream, void *data) {
    call *self = data;
    while (self->left && !rpc_stream_congested(stream)) {
        Holm__Test__V1__Blob blob = HOLM__TEST__V1__BLOB__INIT;
        blob.data = (ProtobufCBinaryData){self->size, self->data};
        blob.number = self->count++;
        self->left--;
        rpc_stream_send(stream, &blob.base);
    }
    if (!self->left)
        rpc_stream_finish(stream, RPC_OK, NULL);
}

static void down_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    const Holm__Test__V1__Blob *request = (const Holm__Test__V1__Blob *)message;
    call *self = data;
    if (self->data || request->size > 2 * (uint64_t)RPC_MESSAGE_MAX) {
        rpc_stream_finish(stream, RPC_INVALID_ARGUMENT, "one request, of a sensible size");
        return;
    }
    self->left = request->number;
    self->size = request->size;
    self->data = malloc(self->size + 1);
    echo_fill(self->data, self->size, 1);
    down_more(stream, data);
}

static void open_down(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {
        .message = down_message, .drained = down_more, .close = on_close};
    begin(stream, &events, data);
}

static void up_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)stream;
    const Holm__Test__V1__Blob *blob = (const Holm__Test__V1__Blob *)message;
    call *self = data;
    self->count++;
    self->bytes += blob->data.len;
    self->digest = echo_digest(self->digest, blob->data.data, blob->data.len);
}

static void up_half_close(rpc_stream *stream, void *data) {
    call *self = data;
    Holm__Test__V1__Blob blob = HOLM__TEST__V1__BLOB__INIT;
    blob.number = self->count;
    blob.size = self->bytes;
    blob.digest = self->digest;
    rpc_stream_reply(stream, &blob.base);
}

static void open_up(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {
        .message = up_message, .half_close = up_half_close, .close = on_close};
    begin(stream, &events, data);
}

static void chat_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)data;
    rpc_stream_send(stream, message);
    if (rpc_stream_congested(stream))
        rpc_stream_pause(stream);
}

static void chat_drained(rpc_stream *stream, void *data) {
    (void)data;
    rpc_stream_resume(stream);
}

static void chat_half_close(rpc_stream *stream, void *data) {
    (void)data;
    rpc_stream_finish(stream, RPC_OK, NULL);
}

static void open_chat(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {
        .message = chat_message, .half_close = chat_half_close, .drained = chat_drained, .close = on_close};
    begin(stream, &events, data);
}

static void fail_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    (void)data;
    const Holm__Test__V1__Blob *blob = (const Holm__Test__V1__Blob *)message;
    cleanup_error holm_error *error = NULL;
    holm_error_set(&error, holm_error_code_parse(blob->text), "it is 100%% broken: \xc3\xa4");
    holm_error_wrap(&error, "the inner: %s", "thing");
    holm_error_wrap(&error, "outer");
    holm_error_hint(&error, "try another\nday");
    rpc_stream_fail(stream, error);
}

static void open_fail(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = fail_message, .close = on_close};
    begin(stream, &events, data);
}

static void open_hang(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.close = on_close};
    begin(stream, &events, data);
}

#define BLOB &holm__test__v1__blob__descriptor
static const rpc_method methods[] = {
    {"Unary", BLOB, BLOB, open_unary}, {"Down", BLOB, BLOB, open_down}, {"Up", BLOB, BLOB, open_up},
    {"Chat", BLOB, BLOB, open_chat},   {"Fail", BLOB, BLOB, open_fail}, {"Hang", BLOB, BLOB, open_hang},
};

const rpc_service echo_service = {"holm.test.v1.Echo", methods, array_length(methods)};
