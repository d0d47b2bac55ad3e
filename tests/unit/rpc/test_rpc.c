// Client and server on one loop, over a socket pair.
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/unit/rpc/fixture.h"

// One call as a test sees it.
typedef struct probe {
    fixture *fixture;
    rpc_stream *stream;
    unsigned messages, drains, closes;
    uint64_t bytes, digest, last_number;
    rpc_code code;
    holm_error *error;
    bool pause_each;  // pauses after every message; the test resumes
    uint64_t to_send; // bytes still to send
    unsigned quit_at; // stops the loop after this many messages
} probe;

static void probe_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    probe *self = data;
    const blob *got = (const blob *)message;
    assert_int_equal(self->closes, 0);
    self->messages++;
    self->bytes += got->data.len;
    self->digest = echo_digest(self->digest, got->data.data, got->data.len);
    self->last_number = got->number;
    if (self->pause_each)
        rpc_stream_pause(stream);
    if (self->messages == self->quit_at)
        uv_stop(&self->fixture->loop);
}

static void probe_send(rpc_stream *stream, void *data) {
    probe *self = data;
    static uint8_t bytes[100000];
    if (!bytes[1])
        echo_fill(bytes, sizeof bytes, 3);
    while (self->to_send && !rpc_stream_congested(stream)) {
        blob out = HOLM__TEST__V1__BLOB__INIT;
        size_t size = self->to_send < sizeof bytes ? self->to_send : sizeof bytes;
        out.data = (ProtobufCBinaryData){size, bytes};
        self->to_send -= size;
        rpc_stream_send(stream, &out.base);
    }
    if (!self->to_send)
        rpc_stream_half_close(stream);
}

static void probe_drained(rpc_stream *stream, void *data) {
    probe *self = data;
    self->drains++;
    probe_send(stream, data);
}

static void probe_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)text;
    probe *self = data;
    self->closes++;
    self->code = code;
    self->error = rpc_stream_error(stream);
    self->stream = NULL;
    uv_stop(&self->fixture->loop);
}

static const rpc_stream_events probe_events = {
    .message = probe_message, .drained = probe_drained, .close = probe_close};

static probe new_probe(fixture *self) {
    return (probe){.fixture = self, .digest = ECHO_DIGEST_START};
}

static void start(probe *self, const char *method, unsigned timeout_ms) {
    self->stream =
        rpc_call_open(self->fixture->client, &echo_service, method, &probe_events, self, timeout_ms);
}

static void run_to_close(probe *self) {
    while (!self->closes)
        uv_run(&self->fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(self->closes, 1);
}

static void send_blob(probe *self, uint64_t number, uint64_t size, const char *text) {
    blob out = HOLM__TEST__V1__BLOB__INIT;
    out.number = number;
    out.size = size;
    out.text = (char *)(uintptr_t)text;
    rpc_stream_send(self->stream, &out.base);
}

static void test_unary(void **state) {
    unary call = {.fixture = *state};
    fixture_call(&call, "Unary", "");
    assert_null(call.error);
    assert_int_equal(call.number, 42);
}

// What has begun to leave still does, and as a whole; the rest does not.
static void test_retract(void **state) {
    probe call = new_probe(*state);
    static uint8_t bytes[50000];
    start(&call, "Chat", 0);
    for (unsigned i = 0; i < 100; i++) {
        blob out = HOLM__TEST__V1__BLOB__INIT;
        out.data = (ProtobufCBinaryData){sizeof bytes, bytes};
        rpc_stream_send(call.stream, &out.base);
    }
    call.quit_at = 3;
    uv_run(&call.fixture->loop, UV_RUN_DEFAULT);
    uint64_t taken = rpc_stream_taken(call.stream);
    uint64_t leave = rpc_stream_retract(call.stream);
    assert_true(taken >= 3 && leave < 100);
    assert_in_range(leave, taken, taken + 1);
    rpc_stream_half_close(call.stream);
    run_to_close(&call);
    assert_null(call.error);
    assert_int_equal(call.messages, leave);
    assert_int_equal(call.bytes, leave * sizeof bytes);
}

static void test_error_with_hint(void **state) {
    unary call = {.fixture = *state};
    fixture_call(&call, "Fail", "no-space");
    assert_int_equal(holm_error_code_of(call.error), HOLM_ERROR_NO_SPACE);
    assert_string_equal(holm_error_message(call.error),
                        "outer: the inner: thing: it is 100% broken: \xc3\xa4");
    char *chain = holm_error_chain(call.error);
    assert_string_equal(chain, "cause: it is 100% broken: \xc3\xa4\nwhile: the inner: thing\nwhile: outer\n");
    free(chain);
    assert_string_equal(holm_error_hint_of(call.error), "try another\nday");
    holm_error_free(call.error);
}

static void test_unknown_method(void **state) {
    static const rpc_method methods[] = {
        {"No", &holm__test__v1__blob__descriptor, &holm__test__v1__blob__descriptor, NULL}};
    static const rpc_service other = {"holm.test.v1.Other", methods, 1};
    probe call = {.fixture = *state};
    call.stream = rpc_call_open(call.fixture->client, &other, "No", &probe_events, &call, 0);
    run_to_close(&call);
    assert_int_equal(call.code, RPC_UNIMPLEMENTED);
    assert_int_equal(holm_error_code_of(call.error), HOLM_ERROR_UNSUPPORTED);
    holm_error_free(call.error);
}

static void test_down(void **state) {
    probe call = new_probe(*state);
    start(&call, "Down", 0);
    send_blob(&call, 1000, 1000, "");
    rpc_stream_half_close(call.stream);
    run_to_close(&call);
    assert_int_equal(call.code, RPC_OK);
    assert_null(call.error);
    assert_int_equal(call.messages, 1000);
    assert_int_equal(call.bytes, 1000000);
}

// 64 MiB there and back, whole; the sender is slowed down by its own queue.
static void test_chat_large(void **state) {
    probe call = new_probe(*state);
    static uint8_t bytes[100000];
    uint64_t wanted = ECHO_DIGEST_START;
    echo_fill(bytes, sizeof bytes, 3);
    for (uint64_t left = 64u << 20; left;) {
        size_t size = left < sizeof bytes ? left : sizeof bytes;
        wanted = echo_digest(wanted, bytes, size);
        left -= size;
    }
    start(&call, "Chat", 0);
    call.to_send = 64u << 20;
    probe_send(call.stream, &call);
    run_to_close(&call);
    assert_int_equal(call.code, RPC_OK);
    assert_int_equal(call.bytes, 64u << 20);
    assert_true(call.digest == wanted);
    assert_true(call.drains > 10);
}

// A reader that pauses stops the sender after a window; nothing is lost, and a neighbour goes on.
static void test_back_pressure(void **state) {
    fixture *self = *state;
    probe slow = new_probe(self), quick = new_probe(self);
    slow.pause_each = true;
    slow.quit_at = 1;
    start(&slow, "Down", 0);
    send_blob(&slow, 3000, 10000, "");
    rpc_stream_half_close(slow.stream);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    start(&quick, "Down", 0);
    send_blob(&quick, 1000, 10000, "");
    rpc_stream_half_close(quick.stream);
    run_to_close(&quick);
    assert_int_equal(quick.messages, 1000);
    assert_int_equal(slow.messages, 1);
    while (!self->echo.closed)
        uv_run(&self->loop, UV_RUN_ONCE);
    assert_int_equal(self->echo.closed, 1); // the other handler is still held up
    slow.pause_each = false;
    rpc_stream_resume(slow.stream);
    assert_int_equal(slow.messages, 1);
    run_to_close(&slow);
    assert_int_equal(slow.messages, 3000);
    assert_int_equal(slow.last_number, 2999);
    assert_int_equal(slow.bytes, 30000000);
    assert_int_equal(slow.code, RPC_OK);
}

// The server has long finished; what the paused reader has not seen yet comes before close.
static void test_pause_at_end(void **state) {
    fixture *self = *state;
    probe call = new_probe(self);
    call.pause_each = true;
    call.quit_at = 1;
    start(&call, "Down", 0);
    send_blob(&call, 3, 10, "");
    rpc_stream_half_close(call.stream);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    while (self->echo.closed == 0)
        uv_run(&self->loop, UV_RUN_ONCE);
    assert_int_equal(call.messages, 1);
    while (call.messages < 3) {
        rpc_stream_resume(call.stream);
        unsigned before = call.messages;
        while (call.messages == before)
            uv_run(&self->loop, UV_RUN_ONCE);
        assert_true(call.messages == 3 || !call.closes);
    }
    run_to_close(&call);
    assert_int_equal(call.messages, 3);
    assert_int_equal(call.code, RPC_OK);
}

static void test_up(void **state) {
    probe call = new_probe(*state);
    start(&call, "Up", 0);
    call.to_send = 5000000;
    probe_send(call.stream, &call);
    run_to_close(&call);
    assert_int_equal(call.code, RPC_OK);
    assert_int_equal(call.messages, 1);
    assert_int_equal(call.last_number, 50);
}

static void test_deadline(void **state) {
    probe call = new_probe(*state);
    start(&call, "Hang", 50);
    uint64_t before = uv_hrtime();
    run_to_close(&call);
    assert_int_equal(call.code, RPC_DEADLINE_EXCEEDED);
    assert_int_equal(holm_error_code_of(call.error), HOLM_ERROR_UNAVAILABLE);
    assert_true(uv_hrtime() - before >= 45 * 1000000u);
    while (!call.fixture->echo.closed)
        uv_run(&call.fixture->loop, UV_RUN_ONCE);
    holm_error_free(call.error);
}

static void test_cancel(void **state) {
    fixture *self = *state;
    probe call = new_probe(self);
    start(&call, "Hang", 0);
    while (!self->echo.opened)
        uv_run(&self->loop, UV_RUN_ONCE);
    rpc_stream_cancel(call.stream);
    assert_int_equal(call.closes, 0);
    run_to_close(&call);
    assert_int_equal(call.code, RPC_CANCELLED);
    while (!self->echo.closed)
        uv_run(&self->loop, UV_RUN_ONCE);
    assert_int_equal(self->echo.last_code, RPC_CANCELLED);
    holm_error_free(call.error);
}

// Cancelled before a byte of it has left.
static void test_cancel_at_once(void **state) {
    probe call = new_probe(*state);
    start(&call, "Hang", 0);
    rpc_stream_cancel(call.stream);
    run_to_close(&call);
    assert_int_equal(call.code, RPC_CANCELLED);
    holm_error_free(call.error);
    unary after = {.fixture = *state};
    fixture_call(&after, "Unary", "");
    assert_null(after.error);
    assert_int_equal(call.fixture->echo.opened, 1);
}

static void test_server_lost(void **state) {
    fixture *self = *state;
    probe call = new_probe(self);
    call.quit_at = 10;
    start(&call, "Down", 0);
    send_blob(&call, 1000000, 1000, "");
    uv_run(&self->loop, UV_RUN_DEFAULT);
    rpc_server_destroy(steal_pointer(&self->server));
    run_to_close(&call);
    assert_int_equal(call.code, RPC_UNAVAILABLE);
    holm_error_free(call.error);
    while (!self->lost)
        uv_run(&self->loop, UV_RUN_ONCE);
    while (!self->echo.closed)
        uv_run(&self->loop, UV_RUN_ONCE);
    assert_int_equal(self->echo.last_code, RPC_CANCELLED);
    unary after = {.fixture = self};
    fixture_call(&after, "Unary", "");
    assert_int_equal(holm_error_code_of(after.error), HOLM_ERROR_UNAVAILABLE);
    holm_error_free(after.error);
}

static void destroy_in_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    probe *self = data;
    (void)message;
    self->messages++;
    rpc_connection_destroy(rpc_stream_connection(stream));
    self->fixture->client = NULL;
}

static void test_destroy_in_callback(void **state) {
    static const rpc_stream_events events = {.message = destroy_in_message, .close = probe_close};
    fixture *self = *state;
    probe call = new_probe(self);
    call.stream = rpc_call_open(self->client, &echo_service, "Down", &events, &call, 0);
    send_blob(&call, 1000, 1000, "");
    run_to_close(&call);
    assert_int_equal(call.messages, 1);
    assert_int_equal(call.code, RPC_UNAVAILABLE);
    assert_int_equal(self->lost, 0);
    holm_error_free(call.error);
    while (rpc_server_connection_count(self->server))
        uv_run(&self->loop, UV_RUN_ONCE);
}

// The peer is gone and had said all; what a paused reader has not taken is lost with the connection.
static void test_destroy_paused(void **state) {
    fixture *self = *state;
    probe call = new_probe(self);
    call.pause_each = true;
    call.quit_at = 1;
    start(&call, "Down", 0);
    send_blob(&call, 3, 10, "");
    uv_run(&self->loop, UV_RUN_DEFAULT);
    while (!self->echo.closed)
        uv_run(&self->loop, UV_RUN_ONCE);
    rpc_server_destroy(steal_pointer(&self->server));
    uv_run(&self->loop, UV_RUN_DEFAULT);
    assert_int_equal(call.closes, 0);
    rpc_connection_destroy(steal_pointer(&self->client));
    run_to_close(&call);
    assert_int_equal(call.code, RPC_UNAVAILABLE);
    assert_int_equal(call.messages, 1);
    assert_int_equal(self->lost, 0);
    holm_error_free(call.error);
}

static void test_many_streams(void **state) {
    fixture *self = *state;
    static probe calls[2 * RPC_STREAMS_MAX];
    for (size_t i = 0; i < array_length(calls); i++) {
        calls[i] = new_probe(self);
        start(&calls[i], "Chat", 0);
        calls[i].to_send = 200000;
        probe_send(calls[i].stream, &calls[i]);
    }
    for (size_t i = 0; i < array_length(calls); i++) {
        run_to_close(&calls[i]);
        assert_int_equal(calls[i].code, RPC_OK);
        assert_int_equal(calls[i].bytes, 200000);
    }
}

static void test_oversize(void **state) {
    fixture *self = *state;
    probe call = new_probe(self);
    start(&call, "Down", 0);
    send_blob(&call, 1, RPC_MESSAGE_MAX + 1, "");
    run_to_close(&call);
    assert_int_equal(call.code, RPC_RESOURCE_EXHAUSTED);
    assert_int_equal(holm_error_code_of(call.error), HOLM_ERROR_LIMIT);
    holm_error_free(call.error);
    probe most = new_probe(self);
    start(&most, "Down", 0);
    send_blob(&most, 3, RPC_MESSAGE_MAX - 16, "");
    run_to_close(&most);
    assert_int_equal(most.code, RPC_OK);
    assert_int_equal(most.messages, 3);
}

// The pidfd of a peer is of the process that listens, and it tells when that has ended.
static void test_peer(void **state) {
    fixture *self = *state;
    char path[64], word;
    int ready[2];
    snprintf(path, sizeof path, "/tmp/holm-test-rpc-%d.peer", (int)getpid());
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (rpc_server_listen(self->server, path, 2, NULL) < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &word, 1), 1);
    rpc_connection *connection = rpc_connection_open(&self->loop, path, NULL, NULL, NULL);
    assert_non_null(connection);
    assert_false(rpc_connection_is_lost(connection));
    int peer = rpc_connection_peer(connection);
    assert_true(peer >= 0);
    struct pollfd ended = {.fd = peer, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 0), 0);
    kill(child, SIGKILL);
    assert_int_equal(poll(&ended, 1, -1), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (!rpc_connection_is_lost(connection))
        uv_run(&self->loop, UV_RUN_ONCE);
    assert_int_equal(rpc_connection_peer(connection), -1);
    rpc_connection_destroy(connection);
    unlink(path);
    close(peer);
    close(ready[0]);
    close(ready[1]);
}

// The bound of a listener: the next client waits until there is room.
static void test_listener(void **state) {
    fixture *self = *state;
    cleanup_free char *path = NULL;
    assert_true(asprintf(&path, "/tmp/holm-test-rpc-%d.sock", (int)getpid()) > 0);
    assert_int_equal(rpc_server_listen(self->server, path, 2, NULL), 0);
    rpc_connection *pair_client = self->client;
    rpc_connection *first = rpc_connection_open(&self->loop, path, NULL, NULL, NULL);
    rpc_connection *second = rpc_connection_open(&self->loop, path, NULL, NULL, NULL);
    assert_non_null(first);
    assert_non_null(second);
    unary call = {.fixture = self};
    self->client = first;
    fixture_call(&call, "Unary", "");
    assert_int_equal(rpc_server_connection_count(self->server), 2);
    rpc_connection_destroy(first);
    self->client = second;
    call = (unary){.fixture = self};
    fixture_call(&call, "Unary", "");
    assert_null(call.error);
    rpc_connection_destroy(second);
    self->client = pair_client;
    rpc_server_destroy(steal_pointer(&self->server));
    assert_int_equal(access(path, F_OK), -1);
    assert_null(rpc_connection_open(&self->loop, path, NULL, NULL, NULL));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_unary),
        TEST(test_error_with_hint),
        TEST(test_retract),
        TEST(test_unknown_method),
        TEST(test_down),
        TEST(test_chat_large),
        TEST(test_back_pressure),
        TEST(test_pause_at_end),
        TEST(test_up),
        TEST(test_deadline),
        TEST(test_cancel),
        TEST(test_cancel_at_once),
        TEST(test_server_lost),
        TEST(test_many_streams),
        TEST(test_destroy_in_callback),
        TEST(test_oversize),
        TEST(test_peer),
        TEST(test_listener),
        TEST(test_destroy_paused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
