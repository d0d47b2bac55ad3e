#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/registry/header.h"

#define NOW 784111777 // Sun, 06 Nov 1994 08:49:37 GMT

static void test_retry_seconds(void **state) {
    (void)state;
    assert_int_equal(header_retry_after_ms("120", NOW), 120000);
    assert_int_equal(header_retry_after_ms("0", NOW), 0);
    assert_int_equal(header_retry_after_ms("99999999999999999999999", NOW), HEADER_RETRY_AFTER_MS);
    assert_int_equal(header_retry_after_ms("86401", NOW), HEADER_RETRY_AFTER_MS);
}

// The three forms of RFC 9110 section 5.6.7.
static void test_retry_date(void **state) {
    (void)state;
    static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:52 GMT", "Sunday, 06-Nov-94 08:49:52 GMT",
                                        "Sun Nov  6 08:49:52 1994"};
    for (size_t i = 0; i < array_length(forms); i++) {
        assert_int_equal(header_retry_after_ms(forms[i], NOW), 15000);
        assert_int_equal(header_retry_after_ms(forms[i], NOW + 15), 0);
        assert_int_equal(header_retry_after_ms(forms[i], NOW + 99), 0);
    }
    assert_int_equal(header_retry_after_ms("Fri, 31 Dec 2199 23:59:59 GMT", NOW), HEADER_RETRY_AFTER_MS);
}

static void test_retry_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"", "-1", "soon", "1.5", "12 s", "\xff", "Sun, 99 Nov 1994"};
    for (size_t i = 0; i < array_length(texts); i++)
        assert_int_equal(header_retry_after_ms(texts[i], NOW), 0);
    assert_int_equal(header_retry_after_ms(NULL, NOW), 0);
}

static void assert_next(const char *header, const char *expected) {
    cleanup_free char *next = header_link_next(header);
    if (expected)
        assert_string_equal(next, expected);
    else
        assert_null(next);
}

static void test_link(void **state) {
    (void)state;
    assert_next("</v2/a/tags/list?last=b&n=2>; rel=\"next\"", "/v2/a/tags/list?last=b&n=2");
    assert_next("<https://q.io/x,y;z>;rel=next", "https://q.io/x,y;z");
    assert_next("<a>; rel=prev, <b>; title=\"x, <c>; rel=next\" ; REL=\"last NEXT\"", "b");
    assert_next(" , <a> ; rel = next ,", "a");
}

static void test_link_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "a; rel=next",
                                        "<a",
                                        "<a>",
                                        "<>; rel=next",
                                        "<a>; rel=nextt",
                                        "<a>; rel=\"prev",
                                        "<a>; rel",
                                        "<a> x; rel=next",
                                        "<a>; title=next"};
    for (size_t i = 0; i < array_length(texts); i++)
        assert_next(texts[i], NULL);
    assert_next(NULL, NULL);
    char longer[HEADER_LINK_MAX + 32] = "<";
    memset(longer + 1, 'a', HEADER_LINK_MAX);
    strcat(longer, ">; rel=next");
    assert_next(longer, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_seconds), cmocka_unit_test(test_retry_date),
        cmocka_unit_test(test_retry_refused), cmocka_unit_test(test_link),
        cmocka_unit_test(test_link_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
