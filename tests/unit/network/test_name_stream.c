// Names over TCP: the connection that is sent to another server, its sums, and what is left alone.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/network/name_stream.h"

#define GATEWAY 0x0a580001
#define MEMBER  0x0a580002
#define SERVER  0xc0000235

enum { HEADERS = ETHERNET_HEADER + 20 + 20, SYN = 2, ACK = 16 };

static void put32(uint8_t *out, uint32_t value) {
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t sum(uint32_t value, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i += 2)
        value += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    while (value >> 16)
        value = (value & 0xffff) + (value >> 16);
    return value;
}

static void put_sum(uint8_t *out, uint32_t value) {
    out[0] = (uint8_t)(~value >> 8);
    out[1] = (uint8_t)~value;
}

static void make(uint8_t *out, uint32_t from, uint16_t from_port, uint32_t to, uint16_t to_port,
                 uint8_t flags) {
    uint8_t *packet = out + ETHERNET_HEADER, *segment = packet + 20;
    memset(out, 0, HEADERS);
    out[12] = 8;
    packet[0] = 0x45;
    packet[3] = 40;
    packet[9] = 6;
    put32(packet + 12, from);
    put32(packet + 16, to);
    put_sum(packet + 10, sum(0, packet, 20));
    put32(segment, (uint32_t)from_port << 16 | to_port);
    segment[12] = 0x50;
    segment[13] = flags;
    put_sum(segment + 16, sum(sum(6 + 20, packet + 12, 8), segment, 20));
}

static void assert_sums(const uint8_t *frame) {
    const uint8_t *packet = frame + ETHERNET_HEADER;
    assert_int_equal(sum(0, packet, 20), 0xffff);
    assert_int_equal(sum(sum(6 + 20, packet + 12, 8), packet + 20, 20), 0xffff);
}

static bool out(name_stream *self, uint32_t to, uint16_t port, uint8_t flags, uint8_t *other) {
    uint8_t frame[HEADERS];
    ethernet_frame parsed;
    make(frame, MEMBER, port, to, 53, flags);
    assert_sums(frame);
    assert_true(ethernet_parse(frame, sizeof frame, &parsed));
    return name_stream_out(self, &parsed, frame, sizeof frame, other);
}

static bool in(name_stream *self, uint32_t from, uint16_t port, uint8_t *other) {
    uint8_t frame[HEADERS];
    ethernet_frame parsed;
    make(frame, from, 53, MEMBER, port, ACK);
    assert_true(ethernet_parse(frame, sizeof frame, &parsed));
    return name_stream_in(self, &parsed, frame, sizeof frame, other);
}

static void test_there_and_back(void **state) {
    (void)state;
    uint8_t other[HEADERS];
    ethernet_frame parsed;
    name_stream *self = name_stream_create(GATEWAY, SERVER);
    assert_false(in(self, SERVER, 4000, other)); // nobody has asked
    assert_true(out(self, GATEWAY, 4000, SYN, other));
    assert_sums(other);
    assert_true(ethernet_parse(other, sizeof other, &parsed));
    assert_int_equal(parsed.ipv4_destination, SERVER);
    assert_int_equal(parsed.ipv4_source, MEMBER);
    assert_true(in(self, SERVER, 4000, other));
    assert_sums(other);
    assert_true(ethernet_parse(other, sizeof other, &parsed));
    assert_int_equal(parsed.ipv4_source, GATEWAY);
    assert_true(out(self, GATEWAY, 4000, ACK, other));
    // other ports, other servers, and the server itself by the same port
    assert_false(in(self, SERVER, 4001, other));
    assert_false(in(self, 0xc0000236, 4000, other));
    assert_false(out(self, SERVER, 4000, SYN, other));
    assert_false(in(self, SERVER, 4000, other));
    name_stream_destroy(self);
}

static void test_what_is_cut_off(void **state) {
    (void)state;
    uint8_t frame[HEADERS], other[HEADERS];
    ethernet_frame parsed;
    name_stream *self = name_stream_create(GATEWAY, SERVER);
    make(frame, MEMBER, 4000, GATEWAY, 53, SYN);
    frame[ETHERNET_HEADER + 3] = 24; // four bytes of TCP: its ports
    for (size_t length = ETHERNET_HEADER + 24; length < ETHERNET_HEADER + 38; length++) {
        assert_true(ethernet_parse(frame, length, &parsed) && parsed.has_ports);
        assert_false(name_stream_out(self, &parsed, frame, length, other));
    }
    name_stream_destroy(self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
