// Documents as JSON, YAML and TOML; lines of a boot log.

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/toml.h"
#include "core/holm.h"
#include "core/holm_boot_log.h"

static json_t *example(void) {
    return json_pack("{s:s, s:{s:s, s:[s, s], s:b, s:f, s:{}, s:n}, s:[{s:i}, {s:i}], s:[]}", "id",
                     "a\"b\\c\n", "configuration", "odd key", "true", "list", "1", "x: y", "flag", 1, "share",
                     1.5, "none", "nothing", "items", "n", 1, "n", 2, "empty");
}

static char *print(const json_t *document, const char *format) {
    holm_error *error = NULL;
    char *text = holm_text_document(document, format, &error);
    if (!text)
        fail_msg("%s", holm_error_message(error));
    return text;
}

static void test_json_comes_back(void **test) {
    (void)test;
    json_t *document = example();
    char *text = print(document, "json");
    json_t *back = json_loads(text, 0, NULL);
    assert_true(json_equal(document, back));
    json_decref(back);
    json_decref(document);
    free(text);
}

static void test_toml_comes_back(void **test) {
    (void)test;
    json_t *document = example();
    char *text = print(document, "toml");
    holm_error *error = NULL;
    json_t *back = toml_parse(text, strlen(text), "printed", NULL, &error);
    if (!back)
        fail_msg("%s in\n%s", holm_error_message(error), text);
    json_object_del(json_object_get(document, "configuration"), "nothing"); // TOML has no null
    assert_true(json_equal(document, back));
    json_decref(back);
    json_decref(document);
    free(text);
}

static void test_toml_of_a_list(void **test) {
    (void)test;
    json_t *list = json_pack("[{s:s}, {s:s}]", "id", "a", "id", "b");
    char *text = print(list, "toml");
    json_t *back = toml_parse(text, strlen(text), "printed", NULL, NULL);
    assert_true(json_equal(list, json_object_get(back, "items")));
    json_decref(back);
    json_decref(list);
    free(text);
}

static void test_yaml(void **test) {
    (void)test;
    json_t *document = example();
    char *text = print(document, "yaml");
    assert_string_equal(text, "id: \"a\\\"b\\\\c\\n\"\n"
                              "configuration:\n"
                              "  odd key: \"true\"\n"
                              "  list:\n"
                              "  - \"1\"\n"
                              "  - 'x: y'\n"
                              "  flag: true\n"
                              "  share: 1.5\n"
                              "  none: {}\n"
                              "  nothing: null\n"
                              "items:\n"
                              "- \"n\": 1\n"
                              "- \"n\": 2\n"
                              "empty: []\n");
    json_decref(document);
    free(text);
}

static void test_nothing_reaches_the_terminal_raw(void **test) {
    (void)test;
    static const char *const formats[] = {"json", "yaml", "toml"};
    json_t *document = json_pack("{s:s}", "evil", "\x1b[2J\xc2\x9b\xe2\x80\xae\x7f");
    for (size_t i = 0; i < array_length(formats); i++) {
        char *text = print(document, formats[i]);
        assert_null(strpbrk(text, "\x1b\x7f"));
        assert_null(strstr(text, "\xc2\x9b"));
        assert_null(strstr(text, "\xe2\x80\xae"));
        free(text);
    }
    json_decref(document);
}

static void test_unknown_format(void **test) {
    (void)test;
    cleanup_error holm_error *error = NULL;
    assert_null(holm_text_document(NULL, "xml\x1b", &error));
    assert_non_null(strstr(holm_error_message(error), "xml\\x1b"));
}

static void expect_line(boot_log *log, bool whole, const char *text, bool partial) {
    const char *bytes;
    size_t length;
    bool is_partial;
    int got = boot_log_next(log, whole, &bytes, &length, &is_partial, NULL);
    if (!text) {
        assert_int_equal(got, 0);
        return;
    }
    assert_int_equal(got, 1);
    assert_int_equal(length, strlen(text));
    assert_memory_equal(bytes, text, length);
    assert_int_equal(is_partial, partial);
}

static void test_boot_log(void **test) {
    (void)test;
    char path[] = "/tmp/holm-boot-XXXXXX";
    int fd = mkstemp(path);
    static const char text[] = "one\r\ntwo\n\nfour";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    boot_log log;
    assert_int_equal(boot_log_open(&log, path, -1, NULL), 0);
    expect_line(&log, true, "one", false);
    expect_line(&log, true, "two", false);
    expect_line(&log, true, "", false);
    expect_line(&log, true, NULL, false); // its end may still come
    assert_int_equal(write(fd, "!\n", 2), 2);
    expect_line(&log, true, "four!", false);
    assert_int_equal(write(fd, "end", 3), 3);
    expect_line(&log, false, "end", true);
    expect_line(&log, false, NULL, false);
    boot_log_finish(&log);
    assert_int_equal(boot_log_open(&log, path, 2, NULL), 0);
    expect_line(&log, false, "four!", false);
    expect_line(&log, false, "end", true);
    boot_log_finish(&log);
    close(fd);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_comes_back),
        cmocka_unit_test(test_toml_comes_back),
        cmocka_unit_test(test_toml_of_a_list),
        cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_nothing_reaches_the_terminal_raw),
        cmocka_unit_test(test_unknown_format),
        cmocka_unit_test(test_boot_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
