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
    const char *first = json_string_value(json_object_get(config_get(self, "keys.origin"), "container.stop"));
    const char *next = json_string_value(json_object_get(config_get(self, "keys.origin"), "list.down"));
    assert_true(first && next && strchr(first, ':') && strchr(next, ':'));
    assert_int_equal(atoi(strrchr(first, ':') + 1) + 1, atoi(strrchr(next, ':') + 1));
    assert_true(atoi(strrchr(first, ':') + 1) > 1);
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

static void test_commands(void **test) {
    (void)test;
    cleanup_config config *self =
        load("[[command]]\nname = \"shell\"\nkey = \"W\"\ncontext = \"container\"\n"
             "run = [\"holm\", \"exec\", \"{{name}}\", \"sh\", \"-c\", \"echo $1\", \"sh\", \"{{what}}\"]\n"
             "ask = [\"what\"]\noutput = \"terminal\"\n\n[[command]]\nname = \"free\"\nrun = [\"df\"]\n",
             NULL);
    assert_non_null(self);
    const json_t *list = config_get(self, "command");
    assert_int_equal(json_array_size(list), 2);
    const json_t *shell = json_array_get(list, 0), *rest = json_array_get(list, 1);
    const json_t *run = json_object_get(shell, "run");
    assert_string_equal(json_string_value(json_array_get(run, 0)), "holm");
    assert_string_equal(json_string_value(json_object_get(json_array_get(run, 2), "field")),
                        "configuration.name");
    assert_string_equal(json_string_value(json_object_get(json_array_get(run, 7), "ask")), "what");
    assert_non_null(strstr(json_string_value(json_object_get(rest, "origin")), ":9"));
    assert_string_equal(json_string_value(json_object_get(rest, "context")), "anywhere");
    assert_string_equal(json_string_value(json_object_get(rest, "output")), "task");
}

#define COMMAND "[[command]]\nname = \"x\"\n"

static void test_wrong_commands(void **test) {
    (void)test;
    expect_error("[[command]]\nrun = [\"df\"]\n", 1, "needs a name", NULL);
    expect_error("[command]\nname = \"x\"\n", 1, "write commands as [[command]]", NULL);
    expect_error("command = [1]\n", 1, "write commands as [[command]]", NULL);
    expect_error(COMMAND, 1, "needs run", NULL);
    expect_error(COMMAND "run = []\n", 1, "needs run", NULL);
    expect_error(COMMAND "run = [\"\"]\n", 1, "name of a program", NULL);
    expect_error(COMMAND "run = \"df\"\n", 3, "an array of texts", NULL);
    expect_error(COMMAND "rum = [\"df\"]\n", 3, "unknown key", NULL);
    expect_error(COMMAND "run = [\"df\"]\ncontext = \"pod\"\n", 4, "anywhere container", NULL);
    expect_error(COMMAND "run = [\"df\"]\noutput = \"mail\"\n", 4, "task pane terminal", NULL);
    expect_error(COMMAND "run = [\"df\", \"{{name}}\"]\n", 1, "there is no {{name}} here", "none");
    expect_error(COMMAND "context = \"container\"\nrun = [\"df\", \"{{nam}}\"]\n", 1, "no {{nam}}",
                 "{{name}}");
    expect_error(COMMAND "context = \"container\"\nrun = [\"{{name}}\"]\n", 1, "name of a program", NULL);
    // A value never becomes a part of something that is read as more than a value.
    expect_error(COMMAND "context = \"container\"\nrun = [\"sh\", \"-c\", \"echo {{name}}\"]\n", 1,
                 "a part of", "$1");
    expect_error(COMMAND "context = \"container\"\nrun = [\"sh\", \"-c\", \"{{name}}\"]\n", 1, "as a script",
                 "$1");
    expect_error(COMMAND "context = \"container\"\nrun = [\"sh\", \"-ec\", \"{{name}}\"]\n", 1, "as a script",
                 NULL);
    expect_error(COMMAND "context = \"container\"\nrun = [\"a\", \"{{name}}{{id}}\"]\n", 1, "a part of",
                 NULL);
    expect_error(COMMAND "run = [\"df\"]\nask = [\"A b\"]\n", 1, "ask", NULL);
    expect_error(COMMAND "run = [\"df\"]\nask = [\"a\", \"a\"]\n", 1, "twice", NULL);
    expect_error(COMMAND "context = \"image\"\nask = [\"name\"]\nrun = [\"df\"]\n", 1, "is a field", NULL);
    expect_error(COMMAND "run = [\"df\"]\n\n" COMMAND "run = [\"df\"]\n", 5, "two commands called \"x\"",
                 NULL);
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
        cmocka_unit_test(test_values_and_defaults),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_errors_name_file_and_line),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_every_default_is_valid),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_wrong_commands),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return result;
}
