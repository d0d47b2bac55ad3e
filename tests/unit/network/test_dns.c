// What is read from a question, and what an answer to it is made of.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/network/dns_message.h"

static const uint8_t query[] = {0x12, 0x34, 1,   0, 0,   1,   0,   0,   0, 0, 0, 0, 3,
                                'W',  'e',  'b', 4, 'b', 'a', 'c', 'k', 0, 0, 1, 0, 1};

static void test_question(void **state) {
    (void)state;
    dns_question question;
    assert_true(dns_question_parse(query, sizeof query, &question));
    assert_string_equal(question.name, "web.back");
    assert_int_equal(question.id, 0x1234);
    assert_int_equal(question.type, DNS_TYPE_A);
    assert_int_equal(question.end, sizeof query);
    for (size_t length = 0; length < sizeof query; length++)
        assert_false(dns_question_parse(query, length, &question));
    uint8_t broken[sizeof query];
    memcpy(broken, query, sizeof query);
    broken[12] = 0xc0; // a pointer, to itself
    assert_false(dns_question_parse(broken, sizeof broken, &question));
}

// 255 bytes, with the lengths and the root (RFC 1035, 2.3.4).
static void test_longest_name(void **state) {
    (void)state;
    for (uint8_t last = 60; last <= 63; last++) {
        uint8_t bytes[300] = {[5] = 1};
        size_t at = 12;
        const uint8_t labels[] = {63, 63, 63, last};
        for (size_t i = 0; i < array_length(labels); at += labels[i++] + 1u) {
            bytes[at] = labels[i];
            memset(bytes + at + 1, 'a', labels[i]);
        }
        dns_question question;
        assert_int_equal(dns_question_parse(bytes, at + 5, &question), last <= 61);
    }
}

static void test_answer(void **state) {
    (void)state;
    static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 88, 0, 2};
    dns_question question;
    dns_answer answer;
    assert_true(dns_question_parse(query, sizeof query, &question));
    dns_answer_begin(&answer, query, &question, DNS_NO_ERROR);
    assert_true(dns_answer_add_address(&answer, 0x0a580002, 5));
    assert_int_equal(answer.length, sizeof query + sizeof record);
    assert_memory_equal(answer.bytes + sizeof query, record, sizeof record);
    assert_int_equal(answer.bytes[7], 1);
    unsigned more = 0;
    while (dns_answer_add_address(&answer, 0x0a580002, 5))
        more++;
    assert_true(more > 20 && answer.length <= 512);
}

static void test_reverse_and_servers(void **state) {
    (void)state;
    uint32_t ip = 0;
    char servers[3][46];
    assert_true(dns_reverse_parse("2.0.88.10.in-addr.arpa", &ip));
    assert_int_equal(ip, 0x0a580002);
    assert_false(dns_reverse_parse("0.88.10.in-addr.arpa", &ip));
    assert_false(dns_reverse_parse("256.0.88.10.in-addr.arpa", &ip));
    assert_int_equal(
        dns_servers_parse("# one\nnameserver 192.0.2.1\nsearch a\nnameserver\t::1 \nnameserver x\n"
                          "nameserver 192.0.2.2",
                          servers, 3),
        3);
    assert_string_equal(servers[0], "192.0.2.1");
    assert_string_equal(servers[1], "::1");
    assert_string_equal(servers[2], "192.0.2.2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_question),
        cmocka_unit_test(test_longest_name),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_reverse_and_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
