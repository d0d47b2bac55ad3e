// Echo of IPv6: whose answer it is, frame by frame, and a ping socket in a network namespace of the test's
// own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/network/echo_socket.h"

#define MTU       1500
#define OUTSIDE   "2001:db8:5::7" // any of them answers, and is no card's address
#define OWN       "2001:db8::1"
#define BLOCKED   "2001:db8:6::7"
#define FORBIDDEN "2001:db8:7::7"
#define NOWHERE   "2001:db8:8::7"

static const ethernet_end6 gateway = {{0x52, 0x55, 10, 88, 0, 1}, {0xfd, 0x12, [15] = 1}},
                           web = {{0x52, 0x54, 0, 0, 0, 2}, {0xfd, 0x12, [15] = 2}},
                           db = {{0x52, 0x54, 0, 0, 0, 3}, {0xfd, 0x12, [15] = 3}};

typedef struct fixture {
    echo_table *table;
    uint8_t asked[2048]; // the last request, as the member sent it
    ethernet_frame request;
    uint8_t out[ECHO_FRAME_SIZE];
    ethernet_frame said;
    uv_loop_t loop;
    echo_socket *socket;
    unsigned frames;
} fixture;

static uint16_t word(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

// A whole frame of ICMPv6 sums up to nothing.
static bool sums(const uint8_t *frame) {
    const size_t length = word(frame + 18);
    uint32_t sum = ETHERNET_ICMPV6 + (uint32_t)length;
    for (size_t i = 22; i < ETHERNET_ICMPV6_HEADERS + length; i++)
        sum += i % 2 ? frame[i] : (uint32_t)frame[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

static ethernet_end6 at(const char *address) {
    ethernet_end6 end = gateway;
    assert_int_equal(inet_pton(AF_INET6, address, end.ip6), 1);
    return end;
}

// A request of `size` bytes behind its header, each with the low byte of its sequence.
static void ask(fixture *self, const ethernet_end6 *from, const char *address, uint16_t id, uint16_t sequence,
                uint8_t hops, size_t size) {
    const ethernet_end6 to = at(address);
    uint8_t *message = self->asked + ETHERNET_ICMPV6_HEADERS;
    const uint8_t header[] = {
        ETHERNET_ECHO_REQUEST, 0, 0, 0, (uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(sequence >> 8),
        (uint8_t)sequence};
    memcpy(message, header, sizeof header);
    memset(message + sizeof header, sequence, size);
    size_t length = ethernet_make_icmpv6(self->asked, from, &to, hops, sizeof header + size);
    assert_true(ethernet_parse(self->asked, length, &self->request));
}

static bool check(fixture *self, size_t length, const ethernet_end6 *to, const uint8_t *from, uint8_t type,
                  uint8_t code) {
    if (!length)
        return false;
    assert_true(ethernet_parse(self->out, length, &self->said) && self->said.icmp6);
    assert_true(sums(self->out));
    assert_memory_equal(self->said.destination, to->mac, sizeof to->mac);
    assert_memory_equal(self->said.source, gateway.mac, sizeof gateway.mac);
    assert_memory_equal(self->said.ipv6_destination, to->ip6, sizeof to->ip6);
    assert_memory_equal(self->said.ipv6_source, from, ETHERNET_IP6);
    assert_int_equal(self->said.icmp6[0], type);
    assert_int_equal(self->said.icmp6[1], code);
    return true;
}

// What the outside says to a request: `bytes` with our own identifier and number.
static size_t reply(fixture *self, const char *from, uint16_t number, uint8_t hops, size_t size) {
    const ethernet_end6 end = at(from);
    uint8_t bytes[4096] = {129, 0, 0, 0, 0xab, 0xcd, (uint8_t)(number >> 8), (uint8_t)number};
    memset(bytes + 8, 'x', size);
    const echo_received got = {.from = end.ip6, .hops = hops, .message = bytes, .length = 8 + size};
    return echo_make_reply(self->table, &got, self->out);
}

static void test_replies_are_for_who_asked(void **state) {
    fixture *self = *state;
    ask(self, &web, OUTSIDE, 0x1234, 0x5601, 64, 16);
    assert_true(echo_is_request(self->table, &self->request));
    const uint16_t first = echo_take(self->table, &self->request);
    ask(self, &db, OUTSIDE, 0x1234, 0x5601, 64, 16);
    const uint16_t second = echo_take(self->table, &self->request);
    assert_int_not_equal(first, second);
    assert_true(check(self, reply(self, OUTSIDE, second, 57, 16), &db, at(OUTSIDE).ip6, 129, 0));
    assert_int_equal(self->said.ipv6_hops, 56);
    assert_int_equal(self->said.icmp6_length, 24);
    assert_int_equal(word(self->said.icmp6 + 4), 0x1234);
    assert_int_equal(word(self->said.icmp6 + 6), 0x5601);
    assert_int_equal(self->said.icmp6[23], 'x');
    assert_true(check(self, reply(self, OUTSIDE, first, 57, 15), &web, at(OUTSIDE).ip6, 129, 0));
}

static void test_other_replies_are_for_nobody(void **state) {
    fixture *self = *state;
    ask(self, &web, OUTSIDE, 1, 1, 64, 0);
    const uint16_t number = echo_take(self->table, &self->request);
    assert_int_equal(reply(self, OUTSIDE, number + 1, 64, 0), 0);         // nobody asked
    assert_int_equal(reply(self, OUTSIDE, number + ECHO_MOST, 64, 0), 0); // in the same place
    assert_int_equal(reply(self, NOWHERE, number, 64, 0), 0);             // another one answers
    assert_int_equal(reply(self, OUTSIDE, number, 1, 0), 0);              // its way ends here
    assert_int_equal(reply(self, OUTSIDE, number, 64, MTU), 0);           // too large
    const uint8_t request[8] = {128}, cut[4] = {129}, odd[8] = {129, 1};
    const ethernet_end6 outside = at(OUTSIDE);
    echo_received got = {.from = outside.ip6, .hops = 64, .message = request, .length = sizeof request};
    assert_int_equal(echo_make_reply(self->table, &got, self->out), 0);
    got.message = odd;
    assert_int_equal(echo_make_reply(self->table, &got, self->out), 0);
    got.message = cut, got.length = sizeof cut;
    assert_int_equal(echo_make_reply(self->table, &got, self->out), 0);
    assert_int_not_equal(reply(self, OUTSIDE, number, 64, 0), 0);
    assert_int_equal(reply(self, OUTSIDE, number, 64, 0), 0); // once
}

static void test_the_oldest_makes_room(void **state) {
    fixture *self = *state;
    uint16_t first = 0, last = 0;
    for (unsigned i = 0; i < 70000; i++) { // more than there are numbers
        ask(self, &web, OUTSIDE, 7, (uint16_t)i, 64, 0);
        last = echo_take(self->table, &self->request);
        first = i < 70000 - ECHO_MOST ? last : first;
    }
    assert_int_equal(reply(self, OUTSIDE, first, 64, 0), 0);
    assert_int_not_equal(reply(self, OUTSIDE, first + 1, 64, 0), 0);
    assert_int_not_equal(reply(self, OUTSIDE, last, 64, 0), 0);
    assert_int_equal(word(self->out + ETHERNET_ICMPV6_HEADERS + 6), (uint16_t)69999);
}

// The packet in an error is the one that the member has sent.
static void check_quoted(const fixture *self) {
    size_t length = self->said.icmp6_length - 8, most = 40 + self->request.icmp6_length;
    assert_int_equal(length, most < 1280 - 48 ? most : 1280 - 48);
    assert_memory_equal(self->said.icmp6 + 8, self->asked + ETHERNET_HEADER, length);
}

static void test_errors_are_for_who_asked(void **state) {
    fixture *self = *state;
    const ethernet_end6 router = at(NOWHERE), to = at(OUTSIDE), other = at(OWN);
    uint8_t bytes[2048];
    for (size_t size = 0; size < 1400; size += 100) {
        ask(self, &web, OUTSIDE, 0x4321, 0x1122, 3, size);
        const uint16_t number = echo_take(self->table, &self->request);
        memcpy(bytes, self->request.icmp6, self->request.icmp6_length);
        bytes[2] = bytes[3] = bytes[4] = bytes[5] = 0xee; // our own checksum and identifier
        bytes[6] = (uint8_t)(number >> 8), bytes[7] = (uint8_t)number;
        echo_received got = {
            .from = router.ip6, .to = other.ip6, .message = bytes, .length = self->request.icmp6_length};
        assert_int_equal(echo_make_error(self->table, &got, ECHO_TIME_EXCEEDED, 0, self->out), 0);
        got.to = to.ip6;
        assert_int_equal(echo_make_error(self->table, &got, 2, 0, self->out),
                         0); // too big: the host's affair
        assert_int_equal(echo_make_error(self->table, &got, 134, 0, self->out), 0);
        size_t length = echo_make_error(self->table, &got, ECHO_TIME_EXCEEDED, 0, self->out);
        assert_true(check(self, length, &web, router.ip6, 3, 0));
        check_quoted(self);
        assert_int_equal(echo_make_error(self->table, &got, ECHO_TIME_EXCEEDED, 0, self->out), 0);
        length = echo_make_refusal(self->table, &self->request, ECHO_UNREACHABLE, ECHO_PROHIBITED, self->out);
        assert_true(check(self, length, &web, gateway.ip6, 1, 1));
        check_quoted(self);
    }
}

static void test_other_frames(void **state) {
    fixture *self = *state;
    ask(self, &web, "fd12::1", 1, 1, 64, 0); // the gateway
    assert_false(echo_is_request(self->table, &self->request));
    ask(self, &web, OUTSIDE, 1, 1, 64, 0);
    self->asked[ETHERNET_ICMPV6_HEADERS] = 129;
    assert_false(echo_is_request(self->table, &self->request));
    self->asked[ETHERNET_ICMPV6_HEADERS] = 128, self->asked[ETHERNET_ICMPV6_HEADERS + 1] = 1;
    assert_false(echo_is_request(self->table, &self->request));
}

// ---- the socket ----

static void take_frame(const uint8_t *frame, size_t length, void *data) {
    fixture *self = data;
    memcpy(self->out, frame, length);
    assert_true(ethernet_parse(self->out, length, &self->said));
    self->frames++;
}

// Waits for a frame, and takes all there are.
static unsigned heard(fixture *self) {
    while (!self->frames)
        uv_run(&self->loop, UV_RUN_ONCE);
    unsigned frames = self->frames;
    self->frames = 0;
    return frames;
}

static const char *no_namespace; // why the tests of the socket have none

static void need_namespace(void) {
    if (!no_namespace)
        return;
    print_message("skipped: %s\n", no_namespace);
    skip();
}

static void test_socket(void **state) {
    fixture *self = *state;
    need_namespace();
    for (uint16_t i = 1; i <= 300; i++) {
        ask(self, i % 2 ? &web : &db, OUTSIDE, i, i, 64, i);
        assert_true(echo_socket_input(self->socket, &self->request));
        assert_int_equal(heard(self), 1);
        assert_true(
            check(self, ETHERNET_ICMPV6_HEADERS + 8 + i, i % 2 ? &web : &db, at(OUTSIDE).ip6, 129, 0));
        assert_int_equal(self->said.ipv6_hops, 63);
        assert_memory_equal(self->said.icmp6 + 4, self->request.icmp6 + 4, 4u + i);
    }
    ask(self, &web, OWN, 1, 1, 64, 0);
    assert_true(echo_socket_input(self->socket, &self->request));
    assert_int_equal(heard(self), 1);
    assert_memory_equal(self->said.ipv6_source, at(OWN).ip6, ETHERNET_IP6);
    ask(self, &web, "fd12::1", 1, 1, 64, 0);
    assert_false(echo_socket_input(self->socket, &self->request));
}

static void test_no_way(void **state) {
    fixture *self = *state;
    need_namespace();
    const struct {
        const char *to;
        uint8_t hops, type, code;
    } cases[] = {{OUTSIDE, 1, 3, 0},
                 {OUTSIDE, 0, 3, 0},
                 {NOWHERE, 64, 1, ECHO_NO_ROUTE},
                 {BLOCKED, 64, 1, ECHO_NO_NEIGHBOUR},
                 {FORBIDDEN, 64, 1, ECHO_PROHIBITED}};
    for (size_t i = 0; i < array_length(cases); i++) {
        ask(self, &web, cases[i].to, 1, 1, cases[i].hops, 32);
        assert_true(echo_socket_input(self->socket, &self->request));
        assert_int_equal(self->frames, 1); // at once
        self->frames = 0;
        const size_t length = ETHERNET_ICMPV6_HEADERS + 8 + 40 + 8 + 32;
        assert_true(check(self, length, &web, gateway.ip6, cases[i].type, cases[i].code));
        check_quoted(self);
    }
    ask(self, &web, OUTSIDE, 1, 1, 2, 0); // the last one that gets out
    assert_true(echo_socket_input(self->socket, &self->request));
    assert_int_equal(heard(self), 1);
}

static bool write_file(const char *path, const char *text) {
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

// The first one of the socket: in a new namespace nobody may.
static void test_who_may_not(void **state) {
    fixture *self = *state;
    need_namespace();
    ask(self, &web, OUTSIDE, 1, 1, 64, 0);
    assert_true(echo_socket_input(self->socket, &self->request));
    assert_false(uv_run(&self->loop, UV_RUN_NOWAIT)); // there is nothing that it waits for
    assert_int_equal(self->frames, 0);
    assert_true(write_file("/proc/sys/net/ipv4/ping_group_range", "0 0"));
    assert_true(echo_socket_input(self->socket, &self->request));
    assert_int_equal(heard(self), 1);
}

// A network namespace, in which this user is the first group; the reason why not otherwise.
static const char *enter_namespace(void) {
    char uids[32], gids[32];
    snprintf(uids, sizeof uids, "0 %u 1", geteuid());
    snprintf(gids, sizeof gids, "0 %u 1", getegid());
    if (geteuid() == 0
            ? unshare(CLONE_NEWNET) < 0
            : unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 || !write_file("/proc/self/setgroups", "deny") ||
                  !write_file("/proc/self/uid_map", uids) || !write_file("/proc/self/gid_map", gids))
        return "there can be no network namespace";
    if (system(
            "ip link set lo up && ip -6 addr add " OWN "/128 dev lo && "
            "ip -6 route add local 2001:db8:5::/64 dev lo && ip -6 route add unreachable 2001:db8:6::/64 && "
            "ip -6 route add prohibit 2001:db8:7::/64") != 0)
        return "it can have no addresses of IPv6";
    return NULL;
}

static int set_up(void **state) {
    fixture *self = *state = calloc(1, sizeof *self);
    self->table = echo_create(&gateway, MTU);
    uv_loop_init(&self->loop);
    self->socket = echo_socket_create(&self->loop, &gateway, MTU, take_frame, self);
    return 0;
}

static int tear_down(void **state) {
    fixture *self = *state;
    echo_destroy(self->table);
    echo_socket_destroy(self->socket);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&self->loop), 0);
    free(self);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_replies_are_for_who_asked),
        TEST(test_other_replies_are_for_nobody),
        TEST(test_the_oldest_makes_room),
        TEST(test_errors_are_for_who_asked),
        TEST(test_other_frames),
        TEST(test_who_may_not),
        TEST(test_socket),
        TEST(test_no_way),
    };
    no_namespace = enter_namespace();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
