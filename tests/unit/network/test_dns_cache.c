// What is kept of answers and for how long, by a clock of the test's own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/network/dns_cache.h"

#define SECOND 1000ull
#define TXT    16
#define CNAME  5

typedef struct message {
    uint8_t bytes[16384];
    size_t length;
    dns_question question;
} message;

static void put16(message *self, unsigned value) {
    self->bytes[self->length++] = (uint8_t)(value >> 8);
    self->bytes[self->length++] = (uint8_t)value;
}

// A query: its flags are those of the header's second and third byte, RD is 0x0100.
static message ask(const char *name, uint16_t type, uint16_t flags) {
    message made = {.length = 0};
    put16(&made, 0x1234);
    put16(&made, flags);
    put16(&made, 1);
    for (int i = 0; i < 3; i++)
        put16(&made, 0);
    for (const char *at = name; *at;) {
        size_t label = strcspn(at, ".");
        made.bytes[made.length++] = (uint8_t)label;
        memcpy(made.bytes + made.length, at, label);
        made.length += label;
        at += label + (at[label] == '.');
    }
    made.bytes[made.length++] = 0;
    put16(&made, type);
    put16(&made, DNS_CLASS_IN);
    assert_true(dns_question_parse(made.bytes, made.length, &made.question));
    return made;
}

// A record of the name asked for. section: 0 answer, 1 authority, 2 additional.
static void add(message *self, unsigned section, uint16_t type, uint32_t seconds, const void *data,
                uint16_t length) {
    self->bytes[7 + 2 * section]++;
    put16(self, 0xc00c);
    put16(self, type);
    put16(self, DNS_CLASS_IN);
    put16(self, seconds >> 16);
    put16(self, seconds & 0xffff);
    put16(self, length);
    memcpy(self->bytes + self->length, data, length);
    self->length += length;
}

static void add_soa(message *self, uint32_t seconds, uint32_t least) {
    uint8_t data[22] = {0};
    dns_write32(data + 18, least);
    add(self, 1, DNS_TYPE_SOA, seconds, data, sizeof data);
}

static void add_opt(message *self, uint16_t size, uint32_t flags, uint16_t length) {
    self->bytes[11]++;
    self->bytes[self->length++] = 0;
    put16(self, DNS_TYPE_OPT);
    put16(self, size);
    put16(self, flags >> 16);
    put16(self, flags & 0xffff);
    put16(self, length);
    memset(self->bytes + self->length, 0, length);
    self->length += length;
}

static message answer_to(const message *query, unsigned code) {
    message made = *query;
    made.length = query->question.end;
    memset(made.bytes + 6, 0, 6);
    made.bytes[2] |= 0x84;
    made.bytes[3] = (uint8_t)(0x80 | code);
    return made;
}

static message with_address(const message *query, uint32_t seconds) {
    message made = answer_to(query, DNS_NO_ERROR);
    add(&made, 0, query->question.type, seconds, "\x0a\x01\x02\x03", 4);
    return made;
}

static void keep(dns_cache *cache, const message *query, const message *answer, uint64_t now) {
    dns_cache_put(cache, query->bytes, query->length, &query->question, answer->bytes, answer->length, now);
}

static size_t look(dns_cache *cache, const message *query, uint64_t now, uint8_t *out) {
    static uint8_t unused[DNS_MESSAGE_MOST];
    return dns_cache_get(cache, query->bytes, query->length, &query->question, now, out ? out : unused);
}

static void test_time_runs_out(void **state) {
    (void)state;
    dns_cache *cache = dns_cache_create(10, 65536);
    message query = ask("www.example", DNS_TYPE_A, 0x0100), other = ask("WWW.Example", DNS_TYPE_A, 0x0100);
    message answer = with_address(&query, 100);
    add(&answer, 0, DNS_TYPE_A, 40, "\x0a\x01\x02\x04", 4); // the least counts
    keep(cache, &query, &answer, 5 * SECOND);
    uint8_t out[DNS_MESSAGE_MOST];
    other.bytes[0] = 0x77;
    assert_int_equal(look(cache, &other, 15 * SECOND, out), answer.length);
    assert_int_equal(out[0], 0x77);
    assert_memory_equal(out + DNS_HEADER, other.bytes + DNS_HEADER, 13); // as it was spelt
    assert_int_equal(out[2] & 0x04, 0);                                  // no authority
    for (int i = 0; i < 2; i++)
        assert_int_equal(dns_read32(out + query.length + 6 + 16 * i), 30);
    assert_int_equal(look(cache, &query, 44 * SECOND + 1, NULL), 0); // less than a second
    assert_int_equal(dns_cache_count(cache), 0);
    assert_int_equal(dns_cache_bytes(cache), 0);
    dns_cache_destroy(cache);
}

static void test_what_is_kept(void **state) {
    (void)state;
    message query = ask("www.example", DNS_TYPE_A, 0x0100);
    const struct {
        const char *what;
        unsigned code;
        int records; // of the type asked for; -1: one of another type
        uint32_t seconds;
        int soa; // its TTL; -1: none
        uint32_t least;
        uint8_t flags;
        uint64_t kept; // seconds
    } cases[] = {
        {"an address", DNS_NO_ERROR, 1, 20, -1, 0, 0, 20},
        {"for ever", DNS_NO_ERROR, 1, 999999, -1, 0, 0, DNS_CACHE_KEPT_MOST},
        {"not at all", DNS_NO_ERROR, 1, 0, -1, 0, 0, 0},
        {"the top bit", DNS_NO_ERROR, 1, 0x80000010, -1, 0, 0, 0},
        {"no such name", DNS_NO_SUCH_NAME, 0, 0, 50, 30, 0, 30},
        {"no such name, the SOA's own", DNS_NO_SUCH_NAME, 0, 0, 10, 30, 0, 10},
        {"no such name, long", DNS_NO_SUCH_NAME, 0, 0, 5000, 5000, 0, DNS_CACHE_DENIED_MOST},
        {"no such name, no SOA", DNS_NO_SUCH_NAME, 0, 0, -1, 0, 0, 0},
        {"nothing of the type", DNS_NO_ERROR, 0, 0, 40, 25, 0, 25},
        {"an alias to nothing of the type", DNS_NO_ERROR, -1, 15, 40, 25, 0, 15},
        {"an alias and no more", DNS_NO_ERROR, -1, 15, -1, 0, 0, 0},
        {"a referral", DNS_NO_ERROR, 0, 0, -1, 0, 0, 0},
        {"failed", DNS_SERVER_FAILURE, 0, 0, 40, 40, 0, 0},
        {"refused", DNS_REFUSED, 0, 0, 40, 40, 0, 0},
        {"cut off", DNS_NO_ERROR, 1, 20, -1, 0, 0x02, 0},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        dns_cache *cache = dns_cache_create(10, 65536);
        message answer = answer_to(&query, cases[i].code);
        answer.bytes[2] |= cases[i].flags;
        if (cases[i].records)
            add(&answer, 0, cases[i].records > 0 ? DNS_TYPE_A : CNAME, cases[i].seconds, "\xc0\x0c\0\0", 4);
        if (cases[i].soa >= 0)
            add_soa(&answer, (uint32_t)cases[i].soa, cases[i].least);
        keep(cache, &query, &answer, 0);
        uint64_t last = cases[i].kept ? (cases[i].kept - 1) * SECOND : 0;
        if ((look(cache, &query, last, NULL) > 0) != (cases[i].kept > 0))
            fail_msg("%s: after %d s", cases[i].what, (int)(last / SECOND));
        if (look(cache, &query, cases[i].kept * SECOND, NULL))
            fail_msg("%s: after its time", cases[i].what);
        dns_cache_destroy(cache);
    }
}

static void test_what_is_broken(void **state) {
    (void)state;
    message query = ask("www.example", DNS_TYPE_A, 0x0100), whole = with_address(&query, 100);
    for (size_t length = query.question.end; length <= whole.length + 1; length++) {
        dns_cache *cache = dns_cache_create(10, 65536);
        message answer = whole;
        answer.length = length; // one byte too many is as bad
        keep(cache, &query, &answer, 0);
        assert_int_equal(dns_cache_count(cache), length == whole.length);
        dns_cache_destroy(cache);
    }
}

static void test_what_is_asked(void **state) {
    (void)state;
    dns_cache *cache = dns_cache_create(10, 65536);
    message query = ask("www.example", DNS_TYPE_A, 0x0100), answer = with_address(&query, 100);
    keep(cache, &query, &answer, 0);
    assert_true(look(cache, &query, 0, NULL));
    message others[] = {ask("www.example", DNS_TYPE_AAAA, 0x0100),
                        ask("ww.example", DNS_TYPE_A, 0x0100),
                        ask("www.example", DNS_TYPE_A, 0x0110), // CD
                        ask("www.example", DNS_TYPE_A, 0x0120), // AD
                        ask("www.example", DNS_TYPE_A, 0x0000), // no RD
                        query,
                        query};
    add_opt(&others[5], 1232, 0, 0);
    add_opt(&others[6], 1232, 0x8000, 0); // DO
    for (size_t i = 0; i < array_length(others); i++)
        assert_int_equal(look(cache, &others[i], 0, NULL), 0);
    // Each of the last two for itself; what comes with options is for who asked.
    for (size_t i = 5; i < 7; i++) {
        message own = with_address(&others[i], 100);
        add_opt(&own, 1232, i == 6 ? 0x8000 : 0, 0);
        keep(cache, &others[i], &own, 0);
        assert_int_equal(look(cache, &others[i], 0, NULL), own.length);
    }
    assert_int_equal(dns_cache_count(cache), 3);
    message cookie = query, cookie_answer;
    add_opt(&cookie, 1232, 0, 12);
    cookie_answer = with_address(&cookie, 100);
    keep(cache, &cookie, &cookie_answer, 0);
    assert_int_equal(dns_cache_count(cache), 3);
    assert_int_equal(look(cache, &cookie, 0, NULL), 0);
    message any = ask("www.example", DNS_TYPE_ANY, 0x0100), any_answer = with_address(&any, 100);
    keep(cache, &any, &any_answer, 0);
    assert_int_equal(dns_cache_count(cache), 3);
    dns_cache_clear(cache);
    assert_int_equal(look(cache, &query, 0, NULL), 0);
    dns_cache_destroy(cache);
}

// Letters of types are no letters: 0x41 and 0x61 are two types.
static void test_types_have_no_case(void **state) {
    (void)state;
    dns_cache *cache = dns_cache_create(10, 65536);
    message query = ask("a", 0x0041, 0x0100), other = ask("a", 0x0061, 0x0100);
    message answer = with_address(&query, 100);
    keep(cache, &query, &answer, 0);
    assert_int_equal(look(cache, &other, 0, NULL), 0);
    dns_cache_destroy(cache);
}

static void test_long_answers_fit_or_not(void **state) {
    (void)state;
    dns_cache *cache = dns_cache_create(10, 65536);
    static const uint8_t text[600] = {0};
    message wide = ask("long.example", TXT, 0x0100), narrow = wide;
    add_opt(&wide, 1232, 0, 0);
    add_opt(&narrow, 100, 0, 0); // as if it were 512
    message answer = answer_to(&wide, DNS_NO_ERROR);
    add(&answer, 0, TXT, 100, text, sizeof text);
    add_opt(&answer, 1232, 0, 0);
    keep(cache, &wide, &answer, 0);
    assert_int_equal(look(cache, &wide, 0, NULL), answer.length);
    assert_int_equal(look(cache, &narrow, 0, NULL), 0);
    message cut = answer_to(&narrow, DNS_NO_ERROR);
    cut.bytes[2] |= 2;
    keep(cache, &narrow, &cut, 0);
    assert_int_equal(look(cache, &wide, 0, NULL), answer.length); // who has room for it still gets it
    dns_cache_destroy(cache);
}

static void test_bounds(void **state) {
    (void)state;
    dns_cache *cache = dns_cache_create(3, 100000);
    message queries[4];
    for (int i = 0; i < 4; i++) {
        queries[i] = ask((const char *[]){"a", "b", "c", "d"}[i], DNS_TYPE_A, 0x0100);
        message answer = with_address(&queries[i], 100);
        if (i == 3)
            assert_true(look(cache, &queries[0], 0, NULL)); // which makes b the one not asked for longest
        keep(cache, &queries[i], &answer, 0);
    }
    assert_int_equal(dns_cache_count(cache), 3);
    assert_false(look(cache, &queries[1], 0, NULL));
    assert_true(look(cache, &queries[0], 0, NULL) && look(cache, &queries[3], 0, NULL));
    dns_cache_destroy(cache);
    cache = dns_cache_create(1000, 5000);
    for (int i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        message query = ask(name, DNS_TYPE_A, 0x0100), answer = with_address(&query, 100);
        keep(cache, &query, &answer, 0);
        assert_true(dns_cache_bytes(cache) <= 5000);
        assert_true(look(cache, &query, 0, NULL));
    }
    assert_true(dns_cache_count(cache) > 20);
    dns_cache_destroy(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_runs_out),
        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_what_is_broken),
        cmocka_unit_test(test_what_is_asked),
        cmocka_unit_test(test_types_have_no_case),
        cmocka_unit_test(test_long_answers_fit_or_not),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
