#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/registry/registry_upload.h"

static void test_range(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t next;
    } good[] = {{"0-1023", 1024},
                {"bytes=0-9", 10},
                {"0-0", 0},
                {"0-999999999999999999", UINT64_C(1000000000000000000)}};
    static const char *const bad[] = {NULL,          "",     "0",      "0-",
                                      "-1",          "1-5",  "0-5x",   "0--5",
                                      "bytes 0-5/9", " 0-5", "0-0x10", "0-9999999999999999999"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint64_t next = 7;
        assert_int_equal(registry_upload_range(good[i].text, &next, NULL), 0);
        assert_int_equal(next, good[i].next);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cleanup_error holm_error *error = NULL;
        uint64_t next;
        assert_int_equal(registry_upload_range(bad[i], &next, &error), -1);
        assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INTEGRITY);
    }
}

static void test_location(void **state) {
    (void)state;
    static const char base[] = "https://a.test/v2/b/blobs/uploads/";
    static const struct {
        const char *location, *url;
    } good[] = {{"/v2/b/blobs/uploads/1?s=2", "https://a.test/v2/b/blobs/uploads/1?s=2"},
                {"1", "https://a.test/v2/b/blobs/uploads/1"},
                {"https://c.test:8/x#part", "https://c.test:8/x"}};
    static const char *const bad[] = {
        NULL,      "http://a.test/x", "file:///etc/passwd", "ftp://a.test/x", "https://user:word@a.test/x",
        "http:///"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cleanup_free char *url = registry_upload_location(base, good[i].location, NULL);
        assert_non_null(url);
        assert_string_equal(url, good[i].url);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cleanup_error holm_error *error = NULL;
        assert_null(registry_upload_location(base, bad[i], &error));
        assert_non_null(error);
    }
    cleanup_free char *plain = registry_upload_location("http://a.test/", "http://b.test/x", NULL);
    assert_string_equal(plain, "http://b.test/x");
    cleanup_free char *huge = calloc(1, HTTP_URL_MAX + 16);
    memset(huge, 'a', HTTP_URL_MAX + 8);
    assert_null(registry_upload_location(base, huge, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_range), cmocka_unit_test(test_location)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
