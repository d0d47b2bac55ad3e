#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tui/theme.h"

static void test_parse(void **state) {
    (void)state;
    json_t *document =
        json_pack("{s:s, s:s, s:s, s:[s,s]}", "name", "mine", "accent", "#0102fF bold underline", "selection",
                  "default on 22", "cpu", "#000001", "7");
    theme_table theme;
    assert_int_equal(theme_parse(document, NULL, "mine.toml", theme_builtin(256), &theme, NULL), 0);
    cell_style accent = theme_style(&theme, THEME_ACCENT);
    assert_int_equal(accent.fg, CELL_COLOR_RGB(1, 2, 255));
    assert_int_equal(accent.bg, CELL_COLOR_KEEP);
    assert_int_equal(accent.attributes, CELL_BOLD | CELL_UNDERLINE);
    assert_int_equal(theme_style(&theme, THEME_SELECTION).bg, CELL_COLOR_INDEXED(22));
    assert_int_equal(theme_gradient_style(&theme, THEME_CPU, 0.1).fg, CELL_COLOR_HEX(1u));
    assert_int_equal(theme_gradient_style(&theme, THEME_CPU, 2).fg, CELL_COLOR_INDEXED(7));
    // What the file leaves out is as before.
    assert_int_equal(theme_style(&theme, THEME_BAD).fg, theme_style(theme_builtin(256), THEME_BAD).fg);
    assert_string_equal(theme.name, "mine");
    json_decref(document);
}

static void refuse(const char *key, json_t *value, const char *part) {
    json_t *document = json_object(), *lines = json_pack("{s:i}", key, 7);
    json_object_set_new(document, key, value);
    theme_table theme = *theme_builtin(8), before = theme;
    holm_error *error = NULL;
    assert_int_equal(theme_parse(document, lines, "bad.toml", theme_builtin(256), &theme, &error), -1);
    const char *message = holm_error_message(error);
    assert_non_null(strstr(message, "bad.toml"));
    assert_non_null(strstr(message, "line 7"));
    assert_non_null(strstr(message, key));
    assert_non_null(strstr(message, part));
    assert_memory_equal(&theme, &before, sizeof(theme));
    holm_error_free(error);
    json_decref(document);
    json_decref(lines);
}

static void test_refuse(void **state) {
    (void)state;
    refuse("accnet", json_string("#ffffff"), "no such role");
    refuse("accent", json_string("#fffff"), "colour");
    refuse("accent", json_string("256"), "colour");
    refuse("accent", json_string(""), "colour");
    refuse("accent", json_string("on on #ffffff"), "colour");
    refuse("accent", json_integer(3), "colour");
    refuse("cpu", json_array(), "one to eight");
    refuse("cpu", json_string("#ffffff"), "one to eight");
    refuse("name", json_string(""), "text");
}

static void test_builtin(void **state) {
    (void)state;
    static const int colors[] = {1 << 24, 256, 16, 8, 0};
    static const char *const names[] = {"night", "night", "basic", "basic", "mono"};
    for (size_t i = 0; i < array_length(colors); i++) {
        const theme_table *theme = theme_builtin(colors[i]);
        assert_string_equal(theme->name, names[i]);
        for (int g = 0; g < THEME_GRADIENT_COUNT; g++)
            assert_true(theme->steps[g] >= 1 && theme->steps[g] <= THEME_STEPS);
    }
}

static theme_table load(const char *name) {
    theme_table theme;
    holm_error *error = NULL;
    if (theme_load(name, "/nonexistent", PROJECT_DIRECTORY, 256, &theme, &error) < 0)
        fail_msg("%s", holm_error_message(error));
    return theme;
}

static void test_files(void **state) {
    (void)state;
    glob_t files;
    assert_int_equal(glob(PROJECT_DIRECTORY "/themes/*.toml", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char name[64];
        const char *base = strrchr(files.gl_pathv[i], '/') + 1;
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(base, "."), base);
        assert_string_equal(load(name).name, name);
    }
    globfree(&files);
    // The built-in theme is the file that explains it.
    theme_table file = load("night");
    const theme_table *builtin = theme_builtin(256);
    for (int role = 0; role < THEME_ROLE_COUNT; role++) {
        assert_int_equal(file.roles[role].fg, builtin->roles[role].fg);
        assert_int_equal(file.roles[role].bg, builtin->roles[role].bg);
        assert_int_equal(file.roles[role].attributes, builtin->roles[role].attributes);
    }
    for (int gradient = 0; gradient < THEME_GRADIENT_COUNT; gradient++) {
        assert_int_equal(file.steps[gradient], builtin->steps[gradient]);
        for (int step = 0; step < file.steps[gradient]; step++)
            assert_int_equal(file.gradients[gradient][step], builtin->gradients[gradient][step]);
    }
}

static void test_missing(void **state) {
    (void)state;
    static const char *const names[] = {"no-such-theme", "../themes/night"};
    for (size_t i = 0; i < array_length(names); i++) {
        theme_table theme;
        holm_error *error = NULL;
        assert_int_equal(theme_load(names[i], "/nonexistent", PROJECT_DIRECTORY, 256, &theme, &error), -1);
        assert_non_null(error);
        assert_string_equal(theme.name, "night");
        holm_error_free(error);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_refuse),
                                       cmocka_unit_test(test_builtin), cmocka_unit_test(test_files),
                                       cmocka_unit_test(test_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
