// Peers that do not play by the rules: they lose their connection or their call, and nobody else does.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "tests/unit/rpc/fixture.h"

typedef struct raw_peer {
    int fd;
    buffer bytes;
} raw_peer;

static void put_frame(buffer *out, uint8_t type, uint8_t flags, uint32_t id, const void *data,
                      size_t length) {
    const uint8_t header[] = {
        (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,    type,       flags,
        (uint8_t)(id >> 24),     (uint8_t)(id >> 16),    (uint8_t)(id >> 8), (uint8_t)id};
    buffer_append(out, header, sizeof header);
    buffer_append(out, data, length);
}

static void put_header(buffer *out, const char *name, const char *value) {
    buffer_append(out, (const uint8_t[]){0, (uint8_t)strlen(name)}, 2);
    buffer_append_text(out, name);
    buffer_append(out, (const uint8_t[]){(uint8_t)strlen(value)}, 1);
    buffer_append_text(out, value);
}

// HEADERS of a call of Hang, with `more` headers after the usual ones.
static void put_call(buffer *out, uint32_t id, unsigned more) {
    cleanup_buffer buffer block = BUFFER_INIT;
    put_header(&block, ":method", "POST");
    put_header(&block, ":scheme", "http");
    put_header(&block, ":path", "/holm.test.v1.Echo/Hang");
    put_header(&block, ":authority", "x");
    put_header(&block, "content-type", "application/grpc");
    for (unsigned i = 0; i < more; i++)
        put_header(&block, "x", "y");
    put_frame(out, 1, 4, id, block.data, block.length);
}

static raw_peer open_raw(fixture *self) {
    raw_peer peer = {0};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(rpc_server_adopt(self->server, pair[0], NULL), 0);
    peer.fd = pair[1];
    buffer_append_text(&peer.bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    put_frame(&peer.bytes, 4, 0, 0, NULL, 0);
    return peer;
}

// Sends what is there, as far as the server takes it. False: it has hung up.
static bool send_raw(fixture *self, raw_peer *peer) {
    ssize_t sent = 1;
    while (peer->bytes.length && rpc_server_connection_count(self->server) == 2) {
        sent = send(peer->fd, peer->bytes.data, peer->bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0)
            buffer_consume(&peer->bytes, (size_t)sent);
        uv_run(&self->loop, UV_RUN_NOWAIT);
    }
    buffer_clear(&peer->bytes);
    return rpc_server_connection_count(self->server) == 2;
}

static void close_raw(fixture *self, raw_peer *peer) {
    close(peer->fd);
    buffer_finish(&peer->bytes);
    while (rpc_server_connection_count(self->server) == 2)
        uv_run(&self->loop, UV_RUN_ONCE);
    unary call = {.fixture = self}; // a neighbour has noticed nothing
    fixture_call(&call, "Unary", "");
    assert_null(call.error);
}

// Wants answers without end and reads none.
static void test_ping_flood(void **state) {
    fixture *self = *state;
    raw_peer peer = open_raw(self);
    unsigned sent = 0;
    for (; send_raw(self, &peer); sent++)
        for (int i = 0; i < 1000; i++)
            put_frame(&peer.bytes, 6, 0, 0, "12345678", 8);
    assert_in_range(sent, 1, 100);
    close_raw(self, &peer);
}

static void test_settings_flood(void **state) {
    fixture *self = *state;
    raw_peer peer = open_raw(self);
    unsigned sent = 0;
    for (; send_raw(self, &peer); sent++)
        for (int i = 0; i < 1000; i++)
            put_frame(&peer.bytes, 4, 0, 0, NULL, 0);
    assert_in_range(sent, 1, 100);
    close_raw(self, &peer);
}

// Opens calls and takes them back at once, for ever ("rapid reset").
static void test_reset_flood(void **state) {
    fixture *self = *state;
    raw_peer peer = open_raw(self);
    uint32_t id = 1;
    for (; send_raw(self, &peer); id += 200) {
        for (uint32_t i = 0; i < 200; i += 2) {
            put_call(&peer.bytes, id + i, 0);
            put_frame(&peer.bytes, 3, 0, id + i, "\0\0\0\10", 4);
        }
    }
    assert_in_range(id, 2000, 200000);
    close_raw(self, &peer);
    assert_int_equal(self->echo.opened, self->echo.closed);
}

// More calls at once than allowed: the ones above are refused, the others live.
static void test_too_many_calls(void **state) {
    fixture *self = *state;
    raw_peer peer = open_raw(self);
    for (uint32_t id = 1; id < 2 * 400; id += 2)
        put_call(&peer.bytes, id, 0);
    assert_true(send_raw(self, &peer));
    assert_int_equal(self->echo.opened, RPC_STREAMS_MAX);
    assert_int_equal(self->echo.closed, 0);
    close_raw(self, &peer);
}

static void test_too_many_headers(void **state) {
    fixture *self = *state;
    raw_peer peer = open_raw(self);
    put_call(&peer.bytes, 1, 59);
    put_call(&peer.bytes, 3, 60);
    assert_true(send_raw(self, &peer));
    assert_int_equal(self->echo.opened, 1);
    close_raw(self, &peer);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_ping_flood),     TEST(test_settings_flood),   TEST(test_reset_flood),
        TEST(test_too_many_calls), TEST(test_too_many_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
