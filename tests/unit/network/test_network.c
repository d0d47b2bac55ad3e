// holm-net itself: two cards join, speak with the gateway and with each other, and outlive its kill -9.
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/network/dns_message.h"
#include "core/network/ethernet.h"
#include "core/network/port.h"

static paths where;
static char folder[] = "/tmp/holm-network-XXXXXX";
static const network_member web = {.network = "test",
                                   .container = "web",
                                   .mac = "52:54:00:00:00:02",
                                   .address = "10.99.0.2",
                                   .subnet = "10.99.0.0/24",
                                   .gateway = "10.99.0.1"};
static const network_member db = {.network = "test",
                                  .container = "db",
                                  .mac = "52:54:00:00:00:03",
                                  .address = "10.99.0.3",
                                  .subnet = "10.99.0.0/24",
                                  .gateway = "10.99.0.1"};

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    prctl(PR_SET_CHILD_SUBREAPER, 1); // holm-net goes to the background: it comes back to us
    setenv("XDG_DATA_HOME", folder, 1);
    setenv("XDG_CACHE_HOME", folder, 1);
    setenv("XDG_CONFIG_HOME", folder, 1);
    setenv("XDG_RUNTIME_DIR", folder, 1);
    setenv("ASAN_OPTIONS", "detect_leaks=0",
           1); // for holm-net: a confined process cannot be searched for leaks
    cleanup_error holm_error *error = NULL;
    if (paths_init(&where, &error) < 0)
        return -1;
    free(where.libexec);
    where.libexec = path_format("%s", HOLM_TEST_LIBEXEC);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    paths_finish(&where);
    return path_remove_tree(folder, NULL);
}

static void send_arp(int card, const network_member *from, uint8_t last_asked) {
    uint8_t frame[ETHERNET_ARP_LENGTH] = {255, 255, 255, 255, 255, 255}, mac[6];
    static const uint8_t head[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    assert_true(ethernet_address_parse(from->mac, mac));
    const uint8_t own[] = {10, 99, 0, mac[5]}, asked[] = {10, 99, 0, last_asked};
    memcpy(frame + 6, mac, 6);
    memcpy(frame + 12, head, sizeof head);
    memcpy(frame + 22, mac, 6);
    memcpy(frame + 28, own, 4);
    memcpy(frame + 38, asked, 4);
    assert_int_equal(send(card, frame, sizeof frame, 0), sizeof frame);
}

// Waits for a frame that is ARP with this operation; the deadline only turns a hang into a failure.
static void expect_arp(int card, uint16_t operation, uint32_t sender) {
    uint8_t frame[ETHERNET_MAX];
    for (;;) {
        struct pollfd wait = {.fd = card, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, 10000), 1);
        ssize_t got = recv(card, frame, sizeof frame, 0);
        ethernet_frame parsed;
        if (got > 0 && ethernet_parse(frame, (size_t)got, &parsed) && parsed.is_arp &&
            parsed.arp_operation == operation && parsed.arp_sender_ip == sender)
            return;
    }
}

static pid_t network_process(void) {
    cleanup_free char *path = path_format("/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    cleanup_buffer buffer text = BUFFER_INIT;
    assert_int_equal(file_read(path, 4096, &text, NULL), 0);
    return (pid_t)strtol(buffer_text(&text), NULL, 10);
}

static void join(network_port *port, const network_member *member) {
    cleanup_error holm_error *error = NULL;
    if (network_port_join(port, &where, member, NULL, NULL, &error) < 0)
        fail_msg("%s", holm_error_message(error));
}

static void expect_all_work(const network_port *first, const network_port *second) {
    send_arp(first->card, &web, 1);
    expect_arp(first->card, 2, 0x0a630001);
    send_arp(second->card, &db, 2);
    expect_arp(first->card, 1, 0x0a630003);
}

static void test_join_speak_lose_and_join_again(void **state) {
    (void)state;
    network_port first, second, third;
    cleanup_error holm_error *error = NULL;
    assert_int_equal(network_port_init(&first, false, NULL) | network_port_init(&second, false, NULL), 0);
    assert_int_equal(network_port_init(&third, false, NULL), 0);
    join(&first, &web);
    join(&second, &db);
    expect_all_work(&first, &second);
    assert_int_equal(network_port_join(&third, &where, &db, NULL, NULL, &error),
                     -1); // the address has its owner
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_IN_USE);

    pid_t process = network_process();
    assert_int_equal(kill(process, SIGKILL), 0);
    assert_int_equal(waitpid(process, NULL, 0), process);
    struct pollfd wait = {.fd = first.control, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 10000), 1); // the loss is seen without asking
    join(&first, &web);
    join(&second, &db);
    expect_all_work(&first, &second);

    process = network_process();
    network_port_finish(&first);
    network_port_finish(&second);
    network_port_finish(&third);
    assert_int_equal(kill(process, SIGTERM), 0);
    int status = 0;
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define MANY 200 // a /24 has room for 253

// Each asks for the next one, who hears it.
static void test_many_members(void **state) {
    (void)state;
    static network_port ports[MANY];
    static char names[MANY][8], macs[MANY][18], addresses[MANY][16];
    static network_member members[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "m%u", i);
        snprintf(macs[i], sizeof macs[i], "52:54:00:00:00:%02x", i + 2);
        snprintf(addresses[i], sizeof addresses[i], "10.99.0.%u", i + 2);
        members[i] = web;
        members[i].container = names[i];
        members[i].mac = macs[i];
        members[i].address = addresses[i];
        assert_int_equal(network_port_init(&ports[i], false, NULL), 0);
        join(&ports[i], &members[i]);
    }
    for (unsigned i = 0; i < MANY; i++) {
        unsigned next = (i + 1) % MANY;
        send_arp(ports[i].card, &members[i], (uint8_t)(next + 2));
        expect_arp(ports[next].card, 1, 0x0a630000 + i + 2);
    }
    pid_t process = network_process();
    for (unsigned i = 0; i < MANY; i++)
        network_port_finish(&ports[i]);
    assert_int_equal(kill(process, SIGTERM), 0);
    assert_int_equal(waitpid(process, NULL, 0), process);
}

static ethernet_end end_of(const char *mac, uint32_t ip, uint16_t port) {
    ethernet_end end = {.ip = ip, .port = port};
    assert_true(ethernet_address_parse(mac, end.mac));
    return end;
}

// The code of the resolver's answer to a card.
static unsigned resolve(int card, const char *labels, size_t length) {
    uint8_t query[64] = {0, 7, 1, 0, 0, 1}, frame[ETHERNET_MAX];
    memcpy(query + DNS_HEADER, labels, length);
    query[DNS_HEADER + length + 1] = DNS_TYPE_A;
    query[DNS_HEADER + length + 3] = DNS_CLASS_IN;
    const ethernet_end own = end_of("52:54:00:00:00:02", 0x0a620002, 4000);
    const ethernet_end resolver = end_of("52:55:0a:62:00:01", 0x0a620001, 53);
    size_t size = ethernet_make_udp(frame, &own, &resolver, query, DNS_HEADER + length + 4, NETWORK_MTU);
    assert_int_equal(send(card, frame, size, 0), size);
    for (;;) {
        struct pollfd wait = {.fd = card, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, 10000), 1);
        ssize_t got = recv(card, frame, sizeof frame, 0);
        ethernet_frame parsed;
        if (got > 0 && ethernet_parse(frame, (size_t)got, &parsed) && parsed.is_udp &&
            parsed.source_port == 53 && parsed.payload_length > DNS_HEADER)
            return dns_code(parsed.payload);
    }
}

// Whoever asks other networks next is not told that there is no such name: that would be the end.
static void test_names_of_other_networks(void **state) {
    (void)state;
    static const char unknown[] = "\4else", known[] = "\3one"; // with the end of the name
    const char *const names[] = {"one", NULL};
    network_member member = {.network = "names",
                             .container = "one",
                             .mac = "52:54:00:00:00:02",
                             .address = "10.98.0.2",
                             .subnet = "10.98.0.0/24",
                             .gateway = "10.98.0.1",
                             .internal = true,
                             .more = true,
                             .names = names};
    network_port port;
    assert_int_equal(network_port_init(&port, false, NULL), 0);
    join(&port, &member);
    assert_int_equal(resolve(port.card, unknown, sizeof unknown), DNS_REFUSED);
    assert_int_equal(resolve(port.card, known, sizeof known), DNS_NO_ERROR);
    network_port_tell(&port, false);
    while (resolve(port.card, unknown, sizeof unknown) != DNS_NO_SUCH_NAME)
        continue; // the word to the network and the question to its resolver go different ways
    network_port_tell(&port, true);
    while (resolve(port.card, unknown, sizeof unknown) != DNS_REFUSED)
        continue;
    // What makes no sense there ends the membership.
    assert_int_equal(send(port.control, "\xff\xff", 2, 0), 2);
    struct pollfd wait = {.fd = port.control, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 10000), 1);
    assert_int_equal(recv(port.control, (char[1]){0}, 1, 0), 0);
    pid_t process = network_process();
    network_port_finish(&port);
    assert_int_equal(kill(process, SIGTERM), 0);
    assert_int_equal(waitpid(process, NULL, 0), process);
}

static const uint8_t gateway6[16] = {0xfd, 0x12, [15] = 1}, member6[16] = {0xfd, 0x12, [15] = 2};

// One message of ICMPv6 from the member to the gateway, with 32 bytes of it.
static void send_icmp6(int card, const uint8_t *to, const uint8_t *message) {
    uint8_t frame[ETHERNET_HEADER + 40 + 32] = {0x52, 0x55, 10, 97,   0,    1,    0x52,      0x54, 0,
                                                0,    0,    2,  0x86, 0xdd, 0x60, [19] = 32, 58,   255};
    uint8_t *packet = frame + ETHERNET_HEADER;
    memcpy(packet + 8, member6, 16);
    memcpy(packet + 24, to, 16);
    memcpy(packet + 40, message, 32);
    uint32_t sum = 32 + 58;
    for (size_t i = 8; i < 72; i += 2)
        sum += (uint32_t)(packet[i] << 8 | packet[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    packet[42] = (uint8_t)(sum >> 8);
    packet[43] = (uint8_t)sum;
    assert_int_equal(send(card, frame, sizeof frame, 0), sizeof frame);
}

static void expect_icmp6(int card, uint8_t kind) {
    uint8_t frame[ETHERNET_MAX];
    for (;;) {
        struct pollfd wait = {.fd = card, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, 10000), 1);
        ssize_t got = recv(card, frame, sizeof frame, 0);
        ethernet_frame parsed;
        if (got <= 0 || !ethernet_parse(frame, (size_t)got, &parsed) || !parsed.icmp6)
            continue;
        assert_int_not_equal(parsed.icmp6[0], 134); // libslirp's word about routers stays there
        assert_memory_equal(parsed.ipv6_source, gateway6, 16);
        if (parsed.icmp6[0] == kind)
            return;
    }
}

// The gateway is found, and answers; it finds the member, for it is answered itself.
static void test_ip6(void **state) {
    (void)state;
    cleanup_error holm_error *error = NULL;
    network_member member = {.network = "six",
                             .container = "one",
                             .mac = "52:54:00:00:00:02",
                             .address = "10.97.0.2",
                             .subnet = "10.97.0.0/24",
                             .gateway = "10.97.0.1",
                             .address6 = "fd12:0:0:1::2",
                             .subnet6 = "fd12::/64",
                             .gateway6 = "fd12::1",
                             .mtu = 1400,
                             .servers = {"192.0.2.1", "2001:db8::1"}};
    network_port port;
    assert_int_equal(network_port_init(&port, false, NULL), 0);
    assert_int_equal(network_port_join(&port, &where, &member, NULL, NULL, &error), -1); // of another subnet
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INVALID);
    member.address6 = "fd12::2";
    join(&port, &member);
    uint8_t message[32] = {135, [24] = 1, 1, 0x52, 0x54, 0, 0, 0, 2};
    memcpy(message + 8, gateway6, 16);
    send_icmp6(port.card, gateway6, message);
    expect_icmp6(port.card, 136);
    send_icmp6(port.card, gateway6, (const uint8_t[32]){133}); // are there routers?
    send_icmp6(port.card, gateway6, (const uint8_t[32]){128});
    expect_icmp6(port.card, 129);
    pid_t process = network_process();
    network_port_finish(&port);
    assert_int_equal(kill(process, SIGTERM), 0);
    assert_int_equal(waitpid(process, NULL, 0), process);
}

static void test_names_that_become_paths(void **state) {
    (void)state;
    const char *const wrong[] = {"", "..", ".", "a/b", "-a", "a b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < array_length(wrong); i++)
        assert_false(network_name_valid(wrong[i]));
    assert_true(network_name_valid("back-end_1.x"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join_speak_lose_and_join_again), cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_names_of_other_networks),        cmocka_unit_test(test_ip6),
        cmocka_unit_test(test_names_that_become_paths),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
