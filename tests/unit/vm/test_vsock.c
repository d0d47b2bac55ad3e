// The vsock device against a driver made by hand: what it does right, and what it does with hostile rings.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/unit/vm/rings.h"
#include "vm/vsock_connection.h"
#include "vm/vsock_gate.h"

#define HOST_PORT  7000
#define GUEST_PORT 9000

static int accepted_fd;

static void on_accepted(int fd, uint32_t port, void *data) {
    (void)port, (void)data;
    accepted_fd = fd;
}

static int setup(void **state) {
    static rings self;
    rings_create(&self);
    accepted_fd = -1;
    *state = &self;
    return vsock_listen(self.device, HOST_PORT, on_accepted, NULL, NULL);
}

static int teardown(void **state) {
    if (accepted_fd >= 0)
        close(accepted_fd);
    rings_destroy(*state);
    return 0;
}

static void expect_packet(rings *self, uint16_t operation, uint32_t length) {
    const vsock_header *header = rings_receive(self);
    assert_non_null(header);
    assert_int_equal(header->operation, operation);
    assert_int_equal(header->length, length);
    assert_int_equal(header->source_context_id, VSOCK_HOST_CONTEXT_ID);
    assert_int_equal(header->destination_context_id, RINGS_CONTEXT_ID);
}

static void open_connection(rings *self) {
    rings_connect(self);
    rings_offer_buffers(self, 0, 8);
    rings_send(self, VSOCK_REQUEST, GUEST_PORT, HOST_PORT, NULL, 0);
    expect_packet(self, VSOCK_RESPONSE, 0);
    assert_true(accepted_fd >= 0);
}

static void test_accept_and_echo(void **state) {
    rings *self = *state;
    char text[16] = {0};
    open_connection(self);
    rings_send(self, VSOCK_RW, GUEST_PORT, HOST_PORT, "hello", 5);
    assert_int_equal(read(accepted_fd, text, sizeof text), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(write(accepted_fd, "answer", 6), 6);
    rings_run(self);
    expect_packet(self, VSOCK_RW, 6);
}

static void test_unknown_port_is_reset(void **state) {
    rings *self = *state;
    rings_connect(self);
    rings_offer_buffers(self, 0, 4);
    rings_send(self, VSOCK_REQUEST, GUEST_PORT, HOST_PORT + 1, NULL, 0);
    expect_packet(self, VSOCK_RST, 0);
    rings_send(self, VSOCK_RW, GUEST_PORT, HOST_PORT, "stray", 5);
    expect_packet(self, VSOCK_RST, 0);
    rings_send(self, VSOCK_RST, GUEST_PORT, HOST_PORT, NULL, 0); // never answered
    assert_null(rings_receive(self));
}

// The guest said that it has room for 4096 bytes: no more are sent before it takes some.
static void test_credit_to_the_guest(void **state) {
    rings *self = *state;
    static char bytes[10000];
    open_connection(self);
    assert_int_equal(write(accepted_fd, bytes, sizeof bytes), sizeof bytes);
    rings_run(self);
    uint32_t sent = 0;
    for (const vsock_header *header; (header = rings_receive(self)) != NULL;)
        sent += header->length;
    assert_int_equal(sent, 4096);
    rings_send(self, VSOCK_CREDIT_REQUEST, GUEST_PORT, HOST_PORT, NULL, 0);
    expect_packet(self, VSOCK_CREDIT_UPDATE, 0);
    assert_null(rings_receive(self));
}

// What nobody reads is bounded by the credit that was given; who sends more is reset.
static void test_credit_from_the_guest(void **state) {
    rings *self = *state;
    static char bytes[4096];
    uint32_t sent = 0;
    bool reset = false;
    open_connection(self);
    int small = 4096;
    setsockopt(accepted_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    while (!reset && sent < 16 * VSOCK_BUFFER_SIZE) {
        rings_send(self, VSOCK_RW, GUEST_PORT, HOST_PORT, bytes, sizeof bytes);
        sent += sizeof bytes;
        for (const vsock_header *header; (header = rings_receive(self)) != NULL;)
            reset |= header->operation == VSOCK_RST;
    }
    assert_true(reset);
    assert_true(sent >= VSOCK_BUFFER_SIZE);
    assert_true(sent <= VSOCK_BUFFER_SIZE + 512 * 1024); // what the socket itself has taken
}

static void test_shutdown(void **state) {
    rings *self = *state;
    char text[16];
    open_connection(self);
    rings_send(self, VSOCK_RW, GUEST_PORT, HOST_PORT, "last", 4);
    rings_send(self, VSOCK_SHUTDOWN, GUEST_PORT, HOST_PORT, NULL, 0);
    expect_packet(self, VSOCK_RST, 0);
    assert_int_equal(read(accepted_fd, text, sizeof text), 4);
    assert_int_equal(read(accepted_fd, text, sizeof text), 0);
}

static void test_local_close(void **state) {
    rings *self = *state;
    open_connection(self);
    assert_int_equal(write(accepted_fd, "bye", 3), 3);
    close(accepted_fd);
    accepted_fd = -1;
    rings_run(self);
    expect_packet(self, VSOCK_RW, 3);
    const vsock_header *header = rings_receive(self);
    assert_non_null(header);
    assert_int_equal(header->operation, VSOCK_SHUTDOWN);
    assert_int_equal(header->flags, VSOCK_NO_MORE);
    rings_send(self, VSOCK_RST, GUEST_PORT, HOST_PORT, NULL, 0);
    rings_send(self, VSOCK_RW, GUEST_PORT, HOST_PORT, "late", 4); // it is no more
    expect_packet(self, VSOCK_RST, 0);
}

static void test_reset_keeps_what_came_before(void **state) {
    rings *self = *state;
    char text[16];
    open_connection(self);
    rings_send(self, VSOCK_RW, GUEST_PORT, HOST_PORT, "kept", 4);
    rings_send(self, VSOCK_RST, GUEST_PORT, HOST_PORT, NULL, 0);
    assert_int_equal(read(accepted_fd, text, sizeof text), 4);
    assert_int_equal(read(accepted_fd, text, sizeof text), 0);
}

static void test_wrong_header(void **state) {
    rings *self = *state;
    open_connection(self);
    vsock_header *header = (vsock_header *)(self->memory.base + 0x80000);
    *header = (vsock_header){.source_context_id = 77, // another's
                             .destination_context_id = VSOCK_HOST_CONTEXT_ID,
                             .source_port = GUEST_PORT,
                             .destination_port = HOST_PORT,
                             .type = VSOCK_TYPE_STREAM,
                             .operation = VSOCK_RST};
    *rings_descriptor_at(self, 1, 15) = (rings_descriptor){0x80000, sizeof *header, 0, 0};
    rings_offer(self, 1, 15);
    header->source_context_id = RINGS_CONTEXT_ID;
    header->operation = VSOCK_RW;
    header->length = 100000; // more than is there
    rings_offer(self, 1, 15);
    rings_descriptor_at(self, 1, 15)->length = 20; // not even a header
    rings_offer(self, 1, 15);
    assert_null(rings_receive(self));
    rings_send(self, VSOCK_CREDIT_REQUEST, GUEST_PORT, HOST_PORT, NULL, 0); // and all goes on
    expect_packet(self, VSOCK_CREDIT_UPDATE, 0);
}

// ---- rings that break the rules: the device takes nothing more from them, and nothing else happens ----

static void expect_broken(rings *self, rings_descriptor descriptor) {
    open_connection(self);
    *rings_descriptor_at(self, 1, 3) = descriptor;
    rings_offer(self, 1, 3);
    rings_send(self, VSOCK_CREDIT_REQUEST, GUEST_PORT, HOST_PORT, NULL, 0);
    assert_null(rings_receive(self));
    assert_int_equal(self->lost, 0);
}

static void test_descriptor_outside(void **state) {
    expect_broken(*state, (rings_descriptor){RINGS_MEMORY - 4, 100, 0, 0});
}

static void test_descriptor_wraps(void **state) {
    expect_broken(*state, (rings_descriptor){UINT64_MAX - 10, 100, 0, 0});
}

static void test_descriptor_loop(void **state) {
    expect_broken(*state, (rings_descriptor){RINGS_BUFFERS, 1, 1 /* NEXT */, 3});
}

static void test_descriptor_next_outside(void **state) {
    expect_broken(*state, (rings_descriptor){RINGS_BUFFERS, 64, 1, 5000});
}

static void test_descriptor_indirect(void **state) {
    expect_broken(*state, (rings_descriptor){RINGS_BUFFERS, 64, 4 /* INDIRECT */, 0});
}

static void test_index_jumps(void **state) {
    rings *self = *state;
    open_connection(self);
    ((uint16_t *)(self->memory.base + RINGS_AVAIL(1)))[1] = (uint16_t)(self->next[1] + 1000);
    uint64_t one = 1;
    assert_int_equal(write(self->kicks[1], &one, sizeof one), sizeof one);
    rings_run(self);
    assert_null(rings_receive(self));
}

// ---- a VMM that breaks the protocol is let go ----

static void expect_lost(rings *self, uint32_t request, const void *payload, uint32_t size, const int *fds,
                        unsigned count) {
    rings_message(self, request, payload, size, fds, count);
    assert_int_equal(self->lost, 1);
}

static void test_table_of_another_file(void **state) {
    rings *self = *state;
    struct {
        uint32_t count, padding;
        uint64_t guest, size, user, offset;
    } table = {1, 0, 0, RINGS_MEMORY, RINGS_USER, 0};
    expect_lost(self, 5, &table, sizeof table, &self->kicks[0], 1);
}

static void test_table_too_long(void **state) {
    rings *self = *state;
    struct {
        uint32_t count, padding;
        uint64_t guest, size, user, offset;
    } table = {1, 0, 0, RINGS_MEMORY, RINGS_USER, 4096};
    expect_lost(self, 5, &table, sizeof table, &self->memory.fd, 1);
}

static void test_ring_outside(void **state) {
    rings *self = *state;
    struct {
        uint32_t index, flags;
        uint64_t descriptors, used, avail, log;
    } at = {0, 0, RINGS_USER + RINGS_MEMORY - 16, RINGS_USER, RINGS_USER, 0};
    rings_connect(self);
    rings_disconnect_ring(self, 0);
    expect_lost(self, 9, &at, sizeof at, NULL, 0);
}

static void test_ring_number(void **state) {
    uint32_t size[2] = {9, 16};
    expect_lost(*state, 8, size, sizeof size, NULL, 0);
}

static void test_kick_is_no_eventfd(void **state) {
    rings *self = *state;
    uint64_t number = 0;
    rings_connect(self);
    expect_lost(self, 12, &number, sizeof number, &self->memory.fd, 1);
}

// ---- pausing ----

static void test_pause_keeps_connections(void **state) {
    rings *self = *state;
    open_connection(self);
    rings_disconnect_ring(self, 0);
    rings_disconnect_ring(self, 1);
    assert_int_equal(write(accepted_fd, "while paused", 12), 12);
    rings_run(self);
    rings_connect(self); // the rings go on where they were
    expect_packet(self, VSOCK_RW, 12);
}

static void test_gate_line(void **state) {
    (void)state;
    uint32_t port = 0;
    assert_int_equal(vsock_gate_parse("CONNECT 1024\nrest", 17, &port), 13);
    assert_int_equal(port, 1024);
    assert_int_equal(vsock_gate_parse("CONN", 4, &port), 0);
    assert_int_equal(vsock_gate_parse("CONNECT 10", 10, &port), 0);
    assert_int_equal(vsock_gate_parse("CONNECT \n", 9, &port), -1);
    assert_int_equal(vsock_gate_parse("CONNECT 1a\n", 11, &port), -1);
    assert_int_equal(vsock_gate_parse("CONNECT 99999999999\n", 20, &port), -1);
    assert_int_equal(vsock_gate_parse("GET /", 5, &port), -1);
    assert_int_equal(vsock_gate_parse("CONNECT 00000000000000000000000000", 34, &port), -1);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        EACH(test_accept_and_echo),
        EACH(test_unknown_port_is_reset),
        EACH(test_credit_to_the_guest),
        EACH(test_credit_from_the_guest),
        EACH(test_shutdown),
        EACH(test_local_close),
        EACH(test_reset_keeps_what_came_before),
        EACH(test_wrong_header),
        EACH(test_descriptor_outside),
        EACH(test_descriptor_wraps),
        EACH(test_descriptor_loop),
        EACH(test_descriptor_next_outside),
        EACH(test_descriptor_indirect),
        EACH(test_index_jumps),
        EACH(test_table_of_another_file),
        EACH(test_table_too_long),
        EACH(test_ring_outside),
        EACH(test_ring_number),
        EACH(test_kick_is_no_eventfd),
        EACH(test_pause_keeps_connections),
        cmocka_unit_test(test_gate_line),
    };
    return cmocka_run_group_tests_name("vsock", tests, NULL, NULL);
}
