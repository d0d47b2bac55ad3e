// config.toml: values, defaults, and errors that name file and line.

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/config.h"
#include "core/config/toml.h"

static char path[] = "/tmp/holm-config-XXXXXX";

static config *load(const char *text, holm_error **error) {
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    setenv("HOLM_CONFIG", path, 1);
    return config_load("/nonexistent", error);
}

static void test_values_and_defaults(void **test) {
    (void)test;
    cleanup_config config *self = load("[container]\ncpus = 1.5\nmemory = \"256m\"\n"
                                       "[registry]\ninsecure = [\"localhost:5000\"]\n"
                                       "[keys]\n\"container.stop\" = \"X\"\nlist.down = \"j\"\n",
                                       NULL);
    assert_non_null(self);
    assert_true(json_real_value(config_get(self, "container.cpus")) == 1.5);
    assert_int_equal(config_get_size(self, "container.memory"), 256 << 20);
    assert_int_equal(config_get_size(self, "container.log-size"), 8 << 20);
    assert_string_equal(json_string_value(config_get(self, "registry.domain")), "docker.io");
    assert_null(config_get(self, "theme.name"));
    const json_t *keys = config_get(self, "keys");
    assert_string_equal(json_string_value(json_object_get(keys, "container.stop")), "X");
    assert_string_equal(json_string_value(json_object_get(keys, "list.down")), "j");
}

static void test_no_file(void **test) {
    (void)test;
    unsetenv("HOLM_CONFIG");
    cleanup_config config *self = config_load("/nonexistent", NULL);
    assert_int_equal(json_integer_value(config_get(self, "container.cpus")), 4);
    setenv("HOLM_CONFIG", "/nonexistent/holm.toml", 1);
    cleanup_error holm_error *error = NULL;
    assert_null(config_load("/nonexistent", &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_NOT_FOUND);
}

static void expect_error(const char *text, int line, const char *part, const char *hint) {
    cleanup_error holm_error *error = NULL;
    assert_null(load(text, &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INVALID);
    char place[128];
    snprintf(place, sizeof place, "%s:%d: ", path, line);
    if (!strstr(holm_error_message(error), place) || !strstr(holm_error_message(error), part))
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"", holm_error_message(error), place, part);
    if (hint)
        assert_non_null(strstr(holm_error_hint_of(error), hint));
}

static void test_errors_name_file_and_line(void **test) {
    (void)test;
    expect_error("[container]\ncpu = 2\n", 2, "unknown key container.cpu", "container.cpus");
    expect_error("\n\n[kontainer]\n", 3, "unknown key kontainer", NULL);
    expect_error("verbose = true\n", 1, "unknown key verbose", NULL);
    expect_error("[container]\nmemory = \"lots\"\n", 2, "container.memory must be a size", NULL);
    expect_error("[container]\n\ncpus = -1\n", 3, "container.cpus must be a number above zero", NULL);
    expect_error("[container]\nlog-files = \"three\"\n", 2, "a whole number", NULL);
    expect_error("[registry]\ninsecure = [1]\n", 2, "an array of texts", NULL);
    expect_error("[start]\naccelerator = \"xen\"\n", 2, "auto kvm emulation", NULL);
    expect_error("[dashboard]\nmouse = 1\n", 2, "true or false", NULL);
    expect_error("container = 3\n", 1, "unknown key container", NULL);
    expect_error("[container]\ncpus = \n", 2, "", NULL);
    expect_error("[keys]\n\"container.stop\" = 3\n", 1, "keys must be a table of texts", NULL);
}

static void test_lines(void **test) {
    (void)test;
    static const char text[] = "a = 1\n[b]\nc = [1, 2]\nd = 1979-05-27\n";
    json_t *lines = NULL;
    json_t *document = toml_parse(text, sizeof text - 1, "x", &lines, NULL);
    assert_int_equal(json_integer_value(json_object_get(lines, "b.c")), 3);
    json_t *date = json_object_get(json_object_get(document, "b"), "d");
    assert_string_equal(json_string_value(date), "1979-05-27");
    json_decref(document);
    json_decref(lines);
}

static void test_every_default_is_valid(void **test) {
    (void)test;
    for (size_t i = 0; i < config_key_count; i++) {
        json_t *value = config_keys[i].standard ? json_loads(config_keys[i].standard, JSON_DECODE_ANY, NULL)
                                                : json_null();
        assert_non_null(value);
        assert_true(strlen(config_keys[i].help) > 10);
        json_decref(value);
    }
}

int main(void) {
    int fd = mkstemp(path);
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_defaults),       cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_errors_name_file_and_line), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_every_default_is_valid),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return result;
}
