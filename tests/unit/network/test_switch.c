// The switch's guards and its ways, frame by frame.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/network/switch.h"

#define GATEWAY 0x0a580001
#define WEB     0x0a580002
#define DB      0x0a580003
#define OUTSIDE 0xc0000201

static const uint8_t web_mac[6] = {0x52, 0x54, 0, 0, 0, 2}, db_mac[6] = {0x52, 0x54, 0, 0, 0, 3};
static const uint8_t gateway_mac[6] = {0x52, 0x55, 10, 88, 0, 1},
                     broadcast[6] = {255, 255, 255, 255, 255, 255};

typedef struct fixture {
    network_switch *fabric;
    switch_port *web, *db;
    unsigned to_web, to_db, to_gateway;
    uint8_t last[128];
} fixture;

static void to_port(void *port_data, const uint8_t *frame, size_t length, void *data) {
    fixture *self = data;
    unsigned *count = port_data;
    (*count)++;
    memcpy(self->last, frame, length < sizeof self->last ? length : sizeof self->last);
}

static void to_gateway(const uint8_t *frame, size_t length, void *data) {
    fixture *self = data;
    self->to_gateway++;
    memcpy(self->last, frame, length < sizeof self->last ? length : sizeof self->last);
}

static int set_up(void **state) {
    static const switch_output output = {to_port, to_gateway};
    fixture *self = calloc(1, sizeof *self);
    self->fabric = switch_create(GATEWAY, &output, self);
    self->web = switch_port_add(self->fabric, web_mac, WEB, &self->to_web);
    self->db = switch_port_add(self->fabric, db_mac, DB, &self->to_db);
    assert_int_equal(self->to_gateway, 2); // it hears of both
    self->to_gateway = 0;
    *state = self;
    return 0;
}

static int tear_down(void **state) {
    fixture *self = *state;
    switch_destroy(self->fabric);
    free(self);
    return 0;
}

static void put32(uint8_t *out, uint32_t value) {
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

// An IPv4 frame of 64 bytes with two port numbers where they belong.
static size_t make_ipv4(uint8_t *out, const uint8_t *to_mac, const uint8_t *from_mac, uint32_t from,
                        uint32_t to, uint8_t protocol, uint16_t port) {
    memset(out, 0, 64);
    memcpy(out, to_mac, 6);
    memcpy(out + 6, from_mac, 6);
    out[12] = 8;
    out[14] = 0x45;
    out[17] = 50;
    out[23] = protocol;
    put32(out + 26, from);
    put32(out + 30, to);
    out[36] = (uint8_t)(port >> 8);
    out[37] = (uint8_t)port;
    if (protocol == 17)
        out[39] = 30; // the length of a datagram
    else
        out[47] = 2; // SYN
    return 64;
}

static size_t make_arp(uint8_t *out, const uint8_t *from_mac, uint32_t from, uint32_t target) {
    static const uint8_t head[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    memset(out, 0, 42);
    memcpy(out, broadcast, 6);
    memcpy(out + 6, from_mac, 6);
    memcpy(out + 12, head, sizeof head);
    memcpy(out + 22, from_mac, 6);
    put32(out + 28, from);
    put32(out + 38, target);
    return 42;
}

static void test_members_reach_each_other(void **state) {
    fixture *self = *state;
    uint8_t frame[64];
    switch_input_port(self->fabric, self->web, frame, make_ipv4(frame, db_mac, web_mac, WEB, DB, 6, 5432));
    assert_int_equal(self->to_db, 1);
    assert_int_equal(self->to_web + self->to_gateway, 0);
    switch_input_port(self->fabric, self->web, frame, make_arp(frame, web_mac, WEB, DB));
    assert_int_equal(self->to_db, 2);
    assert_int_equal(self->to_gateway, 0); // it is not the gateway that was asked for
}

static void test_host_is_for_who_is_given_it(void **state) {
    fixture *self = *state;
    uint8_t frame[64];
    switch_port_allow_host(self->fabric, self->web);
    assert_int_equal(self->to_gateway, 1); // which is told which card has the address
    assert_memory_equal(self->last + 22, web_mac, 6);
    self->to_gateway = 0;
    switch_input_port(self->fabric, self->db, frame,
                      make_ipv4(frame, gateway_mac, db_mac, DB, SWITCH_HOST_IP, 6, 80));
    assert_int_equal(self->to_gateway, 0);
    switch_input_port(self->fabric, self->db, frame, // as if it were the other one
                      make_ipv4(frame, gateway_mac, web_mac, WEB, SWITCH_HOST_IP, 6, 80));
    assert_int_equal(self->to_gateway, 0);
    switch_input_port(self->fabric, self->web, frame,
                      make_ipv4(frame, gateway_mac, web_mac, WEB, SWITCH_HOST_IP, 6, 80));
    assert_int_equal(self->to_gateway, 1);
    switch_input_port(self->fabric, self->web, frame,
                      make_ipv4(frame, gateway_mac, web_mac, WEB, 0x7f000001, 6, 80));
    assert_int_equal(self->to_gateway, 1);
    switch_input_gateway(self->fabric, frame,
                         make_ipv4(frame, db_mac, gateway_mac, SWITCH_HOST_IP, DB, 6, 80));
    switch_input_gateway(self->fabric, frame,
                         make_ipv4(frame, web_mac, gateway_mac, SWITCH_HOST_IP, WEB, 6, 80));
    assert_int_equal(self->to_db, 0);
    assert_int_equal(self->to_web, 1);
}

static void test_spoofing_is_refused(void **state) {
    fixture *self = *state;
    uint8_t frame[64];
    switch_input_port(self->fabric, self->web, frame, make_ipv4(frame, db_mac, db_mac, WEB, DB, 6, 1)); // MAC
    switch_input_port(self->fabric, self->web, frame, make_ipv4(frame, db_mac, web_mac, DB, DB, 6, 1)); // IP
    switch_input_port(self->fabric, self->web, frame, make_arp(frame, web_mac, GATEWAY, DB));           // ARP
    size_t length = make_ipv4(frame, db_mac, web_mac, WEB, DB, 6, 1);
    frame[12] = 0x86, frame[13] = 0xdd; // no address to check
    switch_input_port(self->fabric, self->web, frame, length);
    switch_input_port(self->fabric, self->web, frame, 13); // shorter than a header
    assert_int_equal(self->to_db + self->to_web + self->to_gateway, 0);
    assert_int_equal(switch_count(self->fabric).refused, 5);
}

static void test_gateway_is_guarded(void **state) {
    fixture *self = *state;
    uint8_t frame[64];
    const struct {
        uint32_t to;
        uint8_t protocol;
        uint16_t port;
        bool passes;
    } cases[] = {
        {OUTSIDE, 6, 443, true},    {GATEWAY, 17, 53, true},     {GATEWAY, 6, 53, true},
        {GATEWAY, 1, 0, true},      {GATEWAY, 6, 22, false},     {GATEWAY, 17, 5353, true},
        {0x7f000001, 6, 80, false}, {0x7f000035, 17, 53, false}, {0x00000001, 6, 80, false},
        {0xe0000001, 17, 1, false}, {0xffffffff, 17, 67, false},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        self->to_gateway = 0;
        size_t length =
            make_ipv4(frame, gateway_mac, web_mac, WEB, cases[i].to, cases[i].protocol, cases[i].port);
        switch_input_port(self->fabric, self->web, frame, length);
        assert_int_equal(self->to_gateway, cases[i].passes);
    }
    self->to_gateway = 0;
    size_t length = make_ipv4(frame, gateway_mac, web_mac, WEB, GATEWAY, 17, 53);
    frame[20] = 0x20; // more fragments: the ports cannot be told
    switch_input_port(self->fabric, self->web, frame, length);
    assert_int_equal(self->to_gateway, 0);
}

static void test_switch_answers_the_gateway(void **state) {
    fixture *self = *state;
    uint8_t frame[64];
    switch_input_gateway(self->fabric, frame, make_arp(frame, gateway_mac, GATEWAY, DB));
    assert_int_equal(self->to_gateway, 1);
    assert_int_equal(self->to_db + self->to_web, 0);
    ethernet_frame reply;
    assert_true(ethernet_parse(self->last, 42, &reply) && reply.is_arp);
    assert_int_equal(reply.arp_operation, 2);
    assert_int_equal(reply.arp_sender_ip, DB);
    assert_memory_equal(reply.arp_sender_mac, db_mac, 6);
}

static void test_ports_are_unique(void **state) {
    fixture *self = *state;
    unsigned count = 0;
    const uint8_t other[6] = {0x52, 0x54, 0, 0, 0, 9}, group[6] = {1, 0, 0x5e, 0, 0, 1};
    assert_null(switch_port_add(self->fabric, web_mac, 0x0a580009, &count));
    assert_null(switch_port_add(self->fabric, other, WEB, &count));
    assert_null(switch_port_add(self->fabric, other, GATEWAY, &count));
    assert_null(switch_port_add(self->fabric, group, 0x0a580009, &count));
    switch_port_remove(self->fabric, self->web);
    assert_non_null(switch_port_add(self->fabric, web_mac, WEB, &count));
}

static void test_address_text(void **state) {
    (void)state;
    uint8_t out[6];
    assert_true(ethernet_address_parse("52:54:00:12:34:56", out));
    assert_int_equal(out[5], 0x56);
    const char *const wrong[] = {"",
                                 "52:54:00:12:34",
                                 "52:54:00:12:34:56:78",
                                 "52-54-00-12-34-56",
                                 "53:54:00:12:34:56",
                                 "52:54:00:12:34:5g"};
    for (size_t i = 0; i < array_length(wrong); i++)
        assert_false(ethernet_address_parse(wrong[i], out));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_members_reach_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_host_is_for_who_is_given_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spoofing_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gateway_is_guarded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_switch_answers_the_gateway, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ports_are_unique, set_up, tear_down),
        cmocka_unit_test(test_address_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
