#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/registry/challenge.h"

static void test_bearer(void **state) {
    (void)state;
    cleanup_challenge challenge it = {0};
    challenge_read(&it, "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
                        "scope=\"repository:library/debian:pull,push\"");
    assert_int_equal(it.scheme, CHALLENGE_BEARER);
    assert_string_equal(it.realm, "https://auth.docker.io/token");
    assert_string_equal(it.service, "registry.docker.io");
    assert_string_equal(it.scope, "repository:library/debian:pull,push");
}

static void test_strongest_wins(void **state) {
    (void)state;
    cleanup_challenge challenge it = {0};
    challenge_read(&it, "Basic realm=\"one\"");
    assert_int_equal(it.scheme, CHALLENGE_BASIC);
    challenge_read(&it, "Negotiate, Bearer realm = \"https://a/\" , error=\"x\"");
    assert_int_equal(it.scheme, CHALLENGE_BEARER);
    assert_string_equal(it.realm, "https://a/");
    challenge_read(&it, "Basic realm=\"two\"");
    assert_int_equal(it.scheme, CHALLENGE_BEARER);
}

static void test_one_line_of_several(void **state) {
    (void)state;
    cleanup_challenge challenge it = {0};
    challenge_read(&it, "basic realm=\"r\", bearer service=s, realm=https://b/x");
    assert_int_equal(it.scheme, CHALLENGE_BEARER);
    assert_string_equal(it.realm, "https://b/x");
    assert_string_equal(it.service, "s");
}

static void test_quoting(void **state) {
    (void)state;
    cleanup_challenge challenge it = {0};
    challenge_read(&it, "Bearer realm=\"a\\\"b\\\\c\",service=\"x, Basic y=z\"");
    assert_string_equal(it.realm, "a\"b\\c");
    assert_string_equal(it.service, "x, Basic y=z");
}

static void test_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        ",,, ,",
        "Bearer",
        "Bearer service=\"s\"",
        "Bearer realm=\"open",
        "Bearer realm=",
        "Digest realm=\"x\"",
        "\"Bearer\" realm=\"x\"",
        "=",
    };
    for (size_t i = 0; i < array_length(bad); i++) {
        cleanup_challenge challenge it = {0};
        challenge_read(&it, bad[i]);
        assert_int_equal(it.scheme, CHALLENGE_NONE);
    }
    char longer[CHALLENGE_HEADER_MAX + 64] = "Basic realm=\"";
    memset(longer + strlen(longer), 'a', CHALLENGE_HEADER_MAX);
    strcat(longer, "\"");
    cleanup_challenge challenge it = {0};
    challenge_read(&it, longer);
    assert_int_equal(it.scheme, CHALLENGE_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_strongest_wins),
        cmocka_unit_test(test_one_line_of_several),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
