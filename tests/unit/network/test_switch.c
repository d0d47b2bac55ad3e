// The switch's guards and its ways, frame by frame.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/network/neighbour.h"
#include "core/network/switch.h"

#define GATEWAY 0x0a580001
#define WEB     0x0a580002
#define DB      0x0a580003
#define OUTSIDE 0xc0000201

static const uint8_t web_mac[6] = {0x52, 0x54, 0, 0, 0, 2}, db_mac[6] = {0x52, 0x54, 0, 0, 0, 3};
static const uint8_t gateway_mac[6] = {0x52, 0x55, 10, 88, 0, 1},
                     broadcast[6] = {255, 255, 255, 255, 255, 255};

#define PREFIX 0xfd, 0x12, 0x34, 0x56, 0x78, 0x9a, 0, 0
static const uint8_t gateway6[16] = {PREFIX, [15] = 1}, web6[16] = {PREFIX, [15] = 2},
                     db6[16] = {PREFIX, [15] = 3}, outside6[16] = {0x20, 1, 0x0d, 0xb8, [15] = 7},
                     nobody6[16], all6[16] = {0xff, 2, [15] = 1};

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

static switch_port *add(const fixture *self, const uint8_t *mac, uint32_t ip, const uint8_t *ip6,
                        unsigned *count) {
    ethernet_host host = {.ip = ip, .has_ip6 = ip6 != NULL};
    if (ip6)
        memcpy(host.ip6, ip6, sizeof host.ip6);
    return switch_port_add(self->fabric, mac, &host, count);
}

static int set_up(void **state) {
    static const switch_output output = {to_port, to_gateway};
    fixture *self = calloc(1, sizeof *self);
    switch_gateway gateway = {.ip = GATEWAY, .has_ip6 = true};
    memcpy(gateway.ip6, gateway6, sizeof gateway6);
    memcpy(gateway.mac, gateway_mac, sizeof gateway_mac);
    self->fabric = switch_create(&gateway, &output, self);
    self->web = add(self, web_mac, WEB, web6, &self->to_web);
    self->db = add(self, db_mac, DB, db6, &self->to_db);
    assert_int_equal(self->to_gateway, 4); // it hears of both, and of both families
    assert_int_equal(self->to_web, 2);     // and so does the other one
    assert_memory_equal(self->last + 6, db_mac, 6);
    self->to_web = self->to_gateway = 0;
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
    assert_int_equal(self->to_gateway, 2); // which is told which card has the address, in both families
    assert_memory_equal(self->last + 6, web_mac, 6);
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

static size_t make_ipv6(uint8_t *out, const uint8_t *to_mac, const uint8_t *from_mac, const uint8_t *from,
                        const uint8_t *to, uint8_t protocol, const uint8_t *message, size_t length);

static void test_host_is_for_who_is_given_it_in_ipv6(void **state) {
    fixture *self = *state;
    uint8_t frame[128];
    const uint8_t tcp[20] = {0x10, 0, 0, 80, [13] = 2}, udp[8] = {0x10, 0, 0, 53, 0, 8}, echo[8] = {128},
                  reply[8] = {129}, host[16] = SWITCH_HOST_IP6;
    const struct {
        uint8_t protocol;
        const uint8_t *message;
        size_t length;
        bool passes;
    } cases[] = {{6, tcp, 20, true}, {17, udp, 8, true}, {58, echo, 8, true}, {58, reply, 8, false}};
    switch_port_allow_host(self->fabric, self->web);
    for (size_t i = 0; i < array_length(cases); i++) {
        self->to_gateway = 0;
        size_t length = make_ipv6(frame, gateway_mac, db_mac, db6, host, cases[i].protocol, cases[i].message,
                                  cases[i].length);
        switch_input_port(self->fabric, self->db, frame, length);
        assert_int_equal(self->to_gateway, 0);
        length = make_ipv6(frame, gateway_mac, web_mac, web6, host, cases[i].protocol, cases[i].message,
                           cases[i].length);
        switch_input_port(self->fabric, self->db, frame, length); // as if it were the other one
        assert_int_equal(self->to_gateway, 0);
        switch_input_port(self->fabric, self->web, frame, length);
        assert_int_equal(self->to_gateway, cases[i].passes);
    }
    // what is beside it is not the host's, and may be outside
    uint8_t beside[16] = SWITCH_HOST_IP6;
    beside[15]++;
    switch_input_port(self->fabric, self->web, frame,
                      make_ipv6(frame, gateway_mac, web_mac, web6, beside, 6, tcp, sizeof tcp));
    ethernet_frame parsed;
    assert_true(ethernet_parse(self->last, 74, &parsed) && !switch_is_for_host(&parsed));
    switch_input_gateway(self->fabric, frame,
                         make_ipv6(frame, db_mac, gateway_mac, host, db6, 6, tcp, sizeof tcp));
    switch_input_gateway(self->fabric, frame,
                         make_ipv6(frame, web_mac, gateway_mac, host, web6, 6, tcp, sizeof tcp));
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
    frame[12] = 0x88, frame[13] = 0xcc; // no address to check
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

// ---- IPv6 ----

// Headers and `length` bytes of a message behind them.
static size_t make_ipv6(uint8_t *out, const uint8_t *to_mac, const uint8_t *from_mac, const uint8_t *from,
                        const uint8_t *to, uint8_t protocol, const uint8_t *message, size_t length) {
    memset(out, 0, 54);
    memcpy(out, to_mac, 6);
    memcpy(out + 6, from_mac, 6);
    out[12] = 0x86, out[13] = 0xdd;
    out[14] = 0x60;
    out[19] = (uint8_t)length;
    out[20] = protocol;
    out[21] = 255;
    memcpy(out + 22, from, 16);
    memcpy(out + 38, to, 16);
    memcpy(out + 54, message, length);
    return 54 + length;
}

// A message of ICMPv6 about `target`, and the hardware address of an option (NULL: none).
static size_t make_said(uint8_t *out, uint8_t kind, const uint8_t *target, uint8_t option,
                        const uint8_t *mac) {
    memset(out, 0, 32);
    out[0] = kind;
    memcpy(out + 8, target, 16);
    if (!mac)
        return 24;
    out[24] = option;
    out[25] = 1;
    memcpy(out + 26, mac, 6);
    return 32;
}

static unsigned heard(fixture *self) {
    unsigned all = self->to_web + self->to_db + self->to_gateway;
    self->to_web = self->to_db = self->to_gateway = 0;
    return all;
}

static void test_neighbours_are_answered_for(void **state) {
    fixture *self = *state;
    uint8_t frame[128], message[64], link_local[16];
    neighbour_link_local(db_mac, link_local);
    const struct {
        const uint8_t *from, *target, *mac; // who is there; NULL: nobody
    } cases[] = {{web6, db6, db_mac},
                 {web6, link_local, db_mac},
                 {web6, gateway6, gateway_mac},
                 {web6, web6, NULL},
                 {web6, outside6, NULL},
                 {nobody6, db6, db_mac},
                 {nobody6, gateway6, gateway_mac},
                 {nobody6, web6, NULL}};
    for (size_t i = 0; i < array_length(cases); i++) {
        size_t length = make_said(message, 135, cases[i].target, 1, web_mac);
        switch_input_port(self->fabric, self->web, frame,
                          make_ipv6(frame, db_mac, web_mac, cases[i].from, all6, 58, message, length));
        assert_int_equal(self->to_web, cases[i].mac != NULL);
        assert_int_equal(heard(self), cases[i].mac != NULL);
        if (!cases[i].mac)
            continue;
        ethernet_frame reply;
        neighbour_message said;
        assert_true(ethernet_parse(self->last, NEIGHBOUR_ADVERTISEMENT_LENGTH, &reply) && reply.is_ipv6);
        neighbour_parse(&reply, &said);
        assert_true(said.whole && said.kind == NEIGHBOUR_ADVERTISEMENT);
        assert_memory_equal(said.target, cases[i].target, 16);
        assert_memory_equal(said.links[1], cases[i].mac, 6);
        assert_memory_equal(reply.ipv6_destination, cases[i].from == nobody6 ? all6 : cases[i].from, 16);
    }
    assert_int_equal(switch_count(self->fabric).refused, 0);
    // the gateway, by what it takes for its own hardware address
    const uint8_t its_mac[6] = {0x52, 0x56, 0, 0, 0, 1};
    size_t length = make_said(message, 135, db6, 1, its_mac);
    switch_input_gateway(self->fabric, frame,
                         make_ipv6(frame, broadcast, its_mac, gateway6, all6, 58, message, length));
    assert_int_equal(self->to_gateway, 1);
    assert_memory_equal(self->last, its_mac, 6);
    assert_memory_equal(self->last + 6, db_mac, 6);
}

static void test_neighbours_speak_for_themselves(void **state) {
    fixture *self = *state;
    uint8_t frame[128], message[64], own[16], other[16];
    neighbour_link_local(web_mac, own);
    neighbour_link_local(db_mac, other);
    const struct {
        const uint8_t *from, *target, *mac;
        uint8_t kind;
        bool passes;
    } cases[] = {
        {web6, web6, web_mac, 136, true},      {web6, web6, NULL, 136, true},
        {own, own, web_mac, 136, true},        {web6, db6, web_mac, 136, false},
        {web6, gateway6, web_mac, 136, false}, {web6, web6, db_mac, 136, false},
        {db6, db6, db_mac, 136, false},        {other, other, web_mac, 136, false},
        {web6, db6, db_mac, 135, false},       {nobody6, web6, web_mac, 136, false},
        {web6, web6, web_mac, 134, false},     {own, own, NULL, 134, false},
        {own, own, NULL, 137, false},          {own, own, web_mac, 137, false},
        {gateway6, web6, NULL, 134, false},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        size_t length =
            make_said(message, cases[i].kind, cases[i].target, cases[i].kind == 135 ? 1 : 2, cases[i].mac);
        uint64_t refused = switch_count(self->fabric).refused;
        switch_input_port(self->fabric, self->web, frame,
                          make_ipv6(frame, db_mac, web_mac, cases[i].from, db6, 58, message, length));
        if (heard(self) != cases[i].passes || switch_count(self->fabric).refused - refused == cases[i].passes)
            fail_msg("case %zu", i);
    }
}

// A router's advertisement that is hidden, and other things that are not what they look like.
static void test_hidden_messages(void **state) {
    fixture *self = *state;
    uint8_t frame[160];
    const uint8_t advertisement[16] = {134};
    const struct {
        uint8_t first;
        uint8_t headers[72];
        size_t length;
    } cases[] = {
        {60, {58}, 8},                          // options for the destination
        {0, {60, 0, 0, 0, 0, 0, 0, 0, 58}, 16}, // and for each hop
        {44, {58, 0, 0, 1}, 8},                 // the first fragment
        {44, {58, 0, 0, 0}, 8},                 // the only one
        {51, {58, 1}, 12},                      // authenticated
        {43, {58}, 8},                          // by way of another
        {60, {58, 200}, 8},                     // longer than all there is
        {60, {60, [8] = 60, [16] = 60, [24] = 60, [32] = 60, [40] = 60, [48] = 60, [56] = 60, [64] = 58}, 72},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        uint8_t message[96] = {0};
        memcpy(message, cases[i].headers, cases[i].length);
        memcpy(message + cases[i].length, advertisement, sizeof advertisement);
        switch_input_port(self->fabric, self->web, frame,
                          make_ipv6(frame, db_mac, web_mac, web6, all6, cases[i].first, message,
                                    cases[i].length + sizeof advertisement));
        if (heard(self) != 0)
            fail_msg("case %zu", i);
    }
    // what is cut off before it says what it is; whoever has no address; fewer bytes than were said
    const uint8_t cut[12] = {58, 0, 0, 1, [8] = 134};
    switch_input_port(self->fabric, self->web, frame,
                      make_ipv6(frame, db_mac, web_mac, web6, all6, 44, cut, sizeof cut));
    switch_input_port(self->fabric, self->web, frame,
                      make_ipv6(frame, db_mac, web_mac, web6, db6, 58, cut, sizeof cut) - 1);
    switch_port *plain = add(self, (const uint8_t[]){2, 0, 0, 0, 0, 9}, 0x0a580009, NULL, &self->to_db);
    assert_int_equal(heard(self), 3); // the gateway and the others, of IPv4
    static const uint8_t its_mac[6] = {2, 0, 0, 0, 0, 9};
    assert_memory_equal(self->last + 32, its_mac,
                        6); // it is told to itself: that counts at once
    switch_input_port(self->fabric, plain, frame,
                      make_ipv6(frame, db_mac, (const uint8_t[]){2, 0, 0, 0, 0, 9}, web6, db6, 59, cut, 8));
    assert_int_equal(heard(self), 0);
    // a large datagram's later part goes through
    const uint8_t later[16] = {17, 0, 4, 0};
    switch_input_port(self->fabric, self->web, frame,
                      make_ipv6(frame, db_mac, web_mac, web6, db6, 44, later, sizeof later));
    assert_int_equal(self->to_db, 1);
}

static void test_gateway_is_guarded_in_ipv6(void **state) {
    fixture *self = *state;
    uint8_t frame[128];
    const uint8_t loopback[16] = {[15] = 1}, mapped[16] = {[10] = 0xff, 0xff, 127, [15] = 1},
                  link_local[16] = {0xfe, 0x80, [15] = 2}, member[16] = {PREFIX, [15] = 77};
    const uint8_t tcp[20] = {0x10, 0, 0, 80, [13] = 2}, udp[8] = {0x10, 0, 0, 53, 0, 8},
                  dhcp[8] = {2, 0x23, 2, 0x22, 0, 8}, echo[8] = {128}, unreachable[8] = {1};
    const struct {
        const uint8_t *to;
        uint8_t protocol;
        const uint8_t *message;
        bool passes;
    } cases[] = {
        {outside6, 6, tcp, true},    {outside6, 17, udp, true},  {outside6, 58, echo, true},
        {gateway6, 58, echo, true},  {gateway6, 6, tcp, false},  {gateway6, 17, udp, false},
        {loopback, 6, tcp, false},   {mapped, 6, tcp, false},    {nobody6, 6, tcp, false},
        {link_local, 6, tcp, false}, {all6, 17, udp, false},     {member, 6, tcp, false},
        {outside6, 17, dhcp, false}, {outside6, 60, udp, false}, {outside6, 58, unreachable, false},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        size_t length = make_ipv6(frame, gateway_mac, web_mac, web6, cases[i].to, cases[i].protocol,
                                  cases[i].message, cases[i].protocol == 6 ? 20 : 8);
        switch_input_port(self->fabric, self->web, frame, length);
        if (heard(self) != cases[i].passes)
            fail_msg("case %zu", i);
    }
    // nobody hears of routers from it, and the same to members
    uint8_t message[32];
    for (uint8_t kind = 134; kind <= 137; kind++) {
        size_t length = make_said(message, kind, gateway6, 1, NULL);
        switch_input_gateway(self->fabric, frame,
                             make_ipv6(frame, web_mac, gateway_mac, gateway6, all6, 58, message, length));
    }
    assert_int_equal(heard(self), 0);
    switch_input_gateway(self->fabric, frame,
                         make_ipv6(frame, web_mac, gateway_mac, outside6, web6, 17, udp, sizeof udp));
    assert_int_equal(self->to_web, 1);
}

static void test_nobody_answers_for_dhcp(void **state) {
    fixture *self = *state;
    uint8_t frame[128];
    const uint8_t dhcp6[8] = {2, 0x23, 2, 0x22, 0, 8}; // 547 to 546
    switch_input_port(self->fabric, self->web, frame,
                      make_ipv6(frame, db_mac, web_mac, web6, db6, 17, dhcp6, sizeof dhcp6));
    size_t length = make_ipv4(frame, db_mac, web_mac, WEB, DB, 17, 68);
    frame[35] = 67;
    switch_input_port(self->fabric, self->web, frame, length);
    assert_int_equal(heard(self), 0);
    assert_int_equal(switch_count(self->fabric).refused, 2);
}

static void test_ports_are_unique(void **state) {
    fixture *self = *state;
    unsigned count = 0;
    const uint8_t other[6] = {0x52, 0x54, 0, 0, 0, 9}, group[6] = {1, 0, 0x5e, 0, 0, 1};
    assert_null(add(self, web_mac, 0x0a580009, NULL, &count));
    assert_null(add(self, other, WEB, NULL, &count));
    assert_null(add(self, other, GATEWAY, NULL, &count));
    assert_null(add(self, group, 0x0a580009, NULL, &count));
    assert_null(add(self, other, 0x0a580009, web6, &count));
    assert_null(add(self, other, 0x0a580009, gateway6, &count));
    switch_port_remove(self->fabric, self->web);
    assert_non_null(add(self, web_mac, WEB, web6, &count));
    assert_int_equal(self->to_db, 2);
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
        cmocka_unit_test_setup_teardown(test_host_is_for_who_is_given_it_in_ipv6, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spoofing_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gateway_is_guarded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_switch_answers_the_gateway, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_neighbours_are_answered_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_neighbours_speak_for_themselves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hidden_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gateway_is_guarded_in_ipv6, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_answers_for_dhcp, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ports_are_unique, set_up, tear_down),
        cmocka_unit_test(test_address_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
