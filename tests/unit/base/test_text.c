// Text for people, and back.

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"

static void expect_escape(const char *text, size_t length, const char *expected) {
    char *escaped = text_escape(text, length);
    assert_string_equal(escaped, expected);
    free(escaped);
}

static void test_escape(void **test) {
    (void)test;
    expect_escape("", 0, "");
    expect_escape("plain ä 漢", strlen("plain ä 漢"), "plain ä 漢");
    expect_escape("\x1b[2J", 4, "\\x1b[2J");
    expect_escape("a\nb\tc\rd", 7, "a\\nb\\tc\\rd");
    expect_escape("a\0b", 3, "a\\x00b");
    expect_escape("\xff\xc3", 2, "\\xff\\xc3");
    expect_escape("\xc2\x9b", 2, "\\u009b");             // CSI in one character
    expect_escape("\xe2\x80\xae", 3, "\\u202e");         // right-to-left override
    expect_escape("\xc0\xaf", 2, "\\xc0\\xaf");          // overlong
    expect_escape("\xed\xa0\x80", 3, "\\xed\\xa0\\x80"); // a surrogate
}

static void test_bytes(void **test) {
    (void)test;
    char out[32];
    assert_string_equal(text_bytes(0, out, sizeof out), "0 B");
    assert_string_equal(text_bytes(1023, out, sizeof out), "1023 B");
    assert_string_equal(text_bytes(1024, out, sizeof out), "1.0 KiB");
    assert_string_equal(text_bytes(1288490189, out, sizeof out), "1.2 GiB");
    assert_string_equal(text_bytes((1 << 20) - 1, out, sizeof out), "1.0 MiB");
    assert_string_equal(text_bytes(150u << 20, out, sizeof out), "150 MiB");
    assert_string_equal(text_bytes(UINT64_MAX, out, sizeof out), "16.0 EiB");
}

static void test_parse_bytes(void **test) {
    (void)test;
    uint64_t bytes = 0;
    assert_true(text_parse_bytes("512", &bytes) && bytes == 512);
    assert_true(text_parse_bytes("64m", &bytes) && bytes == 64u << 20);
    assert_true(text_parse_bytes("1.5GiB", &bytes) && bytes == 3ull << 29);
    assert_true(text_parse_bytes("2KB", &bytes) && bytes == 2048);
    static const char *const wrong[] = {"", "m", "-1", "1x", "1mm", "1bb", "1e30", "1 m", " 1", "0x10"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (text_parse_bytes(wrong[i], &bytes))
            fail_msg("\"%s\" passed for a size", wrong[i]);
}

static void test_duration(void **test) {
    (void)test;
    char out[32];
    assert_string_equal(text_duration(0, out, sizeof out), "less than a second");
    assert_string_equal(text_duration(1, out, sizeof out), "1 second");
    assert_string_equal(text_duration(200, out, sizeof out), "3 minutes");
    assert_string_equal(text_duration(90000, out, sizeof out), "1 day");
    int64_t ns = 0;
    assert_true(time_parse_duration("1h30m", &ns) && ns == 5400000000000);
    assert_true(time_parse_duration("10", &ns) && ns == 10000000000);
    assert_true(time_parse_duration("500ms", &ns) && ns == 500000000);
    assert_false(time_parse_duration("", &ns) || time_parse_duration("h", &ns) ||
                 time_parse_duration("3x", &ns));
}

static void test_times(void **test) {
    (void)test;
    char out[TIME_TEXT_SIZE];
    int64_t ns = 0;
    assert_string_equal(time_format(1795352700123456789, out), "2026-11-22T13:05:00.123456789Z");
    assert_true(time_parse(out, &ns) && ns == 1795352700123456789);
    assert_true(time_parse("2026-11-22T15:05:00+02:00", &ns) && ns == 1795352700000000000);
    assert_true(time_parse("1970-01-02", &ns) && ns == 86400000000000);
    assert_string_equal(time_format(-1, out), "1969-12-31T23:59:59.999999999Z");
    assert_false(time_parse("yesterday", &ns) || time_parse("2026-11-22T15", &ns) ||
                 time_parse("2026-11-22T15:05:00+2", &ns) || time_parse("2026-11-22Z9", &ns));
}

// Seams come from the other side of a connection: what does not fit leaves the error as it is.
static void test_seams(void **test) {
    (void)test;
    static const char *const wrong[] = {
        "",    "0 0 0 0 0 0",          "1",    "3", "4", "-1", "1 ", " 5", "5  3", "x", "5 3 9",
        "5,3", "99999999999999999999", "5 3 x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        holm_error *error = NULL;
        holm_error_set(&error, HOLM_ERROR_STATE, "outer: two: cause");
        holm_error_split(error, wrong[i]);
        char *chain = holm_error_chain(error);
        assert_string_equal(chain, "cause: outer: two: cause\n");
        free(chain);
        holm_error_free(error);
    }
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_STATE, "cause");
    for (unsigned i = 0; i < 40; i++) { // more than are kept
        char *seams = holm_error_seams(error);
        assert_true(i == 0 || i > 31 ? !seams : strlen(seams) == 2 * i - 1);
        free(seams);
        holm_error_wrap(&error, "two");
    }
    holm_error_free(error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape), cmocka_unit_test(test_bytes),    cmocka_unit_test(test_parse_bytes),
        cmocka_unit_test(test_seams),  cmocka_unit_test(test_duration), cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
