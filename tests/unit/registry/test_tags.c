#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/registry/registry_tags.h"

static int parse(const char *text, json_t *out, size_t most) {
    return registry_tags_parse(text, strlen(text), out, most, NULL);
}

static void test_page(void **state) {
    (void)state;
    json_t *tags = json_array();
    assert_int_equal(parse("{\"name\":\"a\",\"tags\":[\"v1\",\"12-slim\",\"_x\"]}", tags, 10), 0);
    assert_int_equal(parse("{\"tags\":[\"v2\"]}", tags, 10), 0);
    assert_int_equal(json_array_size(tags), 4);
    assert_string_equal(json_string_value(json_array_get(tags, 3)), "v2");
    json_decref(tags);
}

static void test_no_tags(void **state) {
    (void)state;
    json_t *tags = json_array();
    assert_int_equal(parse("{\"name\":\"a\",\"tags\":null}", tags, 10), 0);
    assert_int_equal(parse("{}", tags, 10), 0);
    static const char *const wrong[] = {"", "[]", "{\"tags\":{}}", "{\"tags\":\"v1\"}", "{\"tags\":["};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(parse(wrong[i], tags, 10), -1);
    assert_int_equal(json_array_size(tags), 0);
    json_decref(tags);
}

static void test_bounded(void **state) {
    (void)state;
    json_t *tags = json_array();
    assert_int_equal(
        parse("{\"tags\":[\"a\",\"-b\",\".c\",\"d e\",\"\\u001b[31m\",7,\"\",\"f\",\"g\"]}", tags, 2), 0);
    assert_int_equal(json_array_size(tags), 2);
    assert_string_equal(json_string_value(json_array_get(tags, 1)), "f");
    json_decref(tags);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_page), cmocka_unit_test(test_no_tags),
                                       cmocka_unit_test(test_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
