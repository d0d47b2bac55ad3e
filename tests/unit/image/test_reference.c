#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/image/reference.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_normalised(void **state) {
    (void)state;
    static const struct {
        const char *text, *canonical, *familiar;
    } cases[] = {
        {"debian", "docker.io/library/debian:latest", "debian:latest"},
        {"debian:12", "docker.io/library/debian:12", "debian:12"},
        {"docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
        {"docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest"},
        {"user/app", "docker.io/user/app:latest", "user/app:latest"},
        {"docker.io/debian", "docker.io/library/debian:latest", "debian:latest"},
        {"index.docker.io/library/debian", "docker.io/library/debian:latest", "debian:latest"},
        {"localhost/a", "localhost/a:latest", "localhost/a:latest"},
        {"localhost:5000/a/b:v1", "localhost:5000/a/b:v1", "localhost:5000/a/b:v1"},
        {"127.0.0.1:5000/a", "127.0.0.1:5000/a:latest", "127.0.0.1:5000/a:latest"},
        {"[::1]:5000/a:t", "[::1]:5000/a:t", "[::1]:5000/a:t"},
        {"Host/a", "Host/a:latest", "Host/a:latest"},
        {"quay.io/a__b/c-d--e.f@sha256:" HEX, "quay.io/a__b/c-d--e.f@sha256:" HEX,
         "quay.io/a__b/c-d--e.f@sha256:" HEX},
        {"a:t@sha256:" HEX, "docker.io/library/a@sha256:" HEX, "a@sha256:" HEX},
        {"localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        cleanup_image_reference image_reference it = {0};
        assert_int_equal(image_reference_parse(cases[i].text, NULL, &it, NULL), 0);
        cleanup_free char *canonical = image_reference_canonical(&it),
                          *familiar = image_reference_familiar(&it);
        assert_string_equal(canonical, cases[i].canonical);
        assert_string_equal(familiar, cases[i].familiar);
    }
}

static void test_default_registry(void **state) {
    (void)state;
    cleanup_image_reference image_reference it = {0};
    assert_int_equal(image_reference_parse("debian", "example.com:1", &it, NULL), 0);
    cleanup_free char *canonical = image_reference_canonical(&it);
    assert_string_equal(canonical, "example.com:1/debian:latest");
}

static void test_refused(void **state) {
    (void)state;
    char longer[400];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    const char *const bad[] = {
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "A",
        "-a",
        "a-",
        "a..b",
        "a___b",
        "a:",
        "a:-t",
        "a:t:u",
        "a b",
        "a\n",
        "a\x1b[1m",
        "a@sha256:12",
        "a@sha256:" HEX "0",
        "a@md5:" HEX,
        "a@",
        HEX,
        "ex.com:99999/a",
        "ex.com:/a",
        "-ex.com/a",
        "ex..com/a",
        "[::1/a",
        "\xc3\xa4",
        "ex.com/a:b/c:",
        longer,
    };
    for (size_t i = 0; i < array_length(bad); i++) {
        image_reference it;
        cleanup_error holm_error *error = NULL;
        if (image_reference_parse(bad[i], NULL, &it, &error) == 0)
            fail_msg("\"%s\" was accepted", bad[i]);
        assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INVALID);
        for (const char *c = holm_error_message(error); *c; c++)
            assert_true(*c >= ' ' && *c <= '~');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalised),
        cmocka_unit_test(test_default_registry),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
