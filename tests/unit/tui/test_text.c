// Cells, logs, words, lists: the small parts of the pure layer.
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/tui/fake/fake_holm.h"
#include "tui/screen_color.h"
#include "tui/text_search.h"
#include "tui/ui.h"
#include "tui/view.h"
#include "tui/words.h"

static void test_cells(void **state) {
    (void)state;
    grid out = {0};
    grid_resize(&out, 8, 1);
    assert_int_equal(grid_text(&out, NULL, 0, 0, 8, (cell_style){0},
                               "a\xe6\x97\xa5"
                               "e\xcc\x81z",
                               NULL),
                     5);
    assert_int_equal(grid_at(&out, 1, 0)->width, 2);
    assert_int_equal(grid_at(&out, 2, 0)->width, 0);
    assert_int_equal(grid_at(&out, 3, 0)->chars[1], 0x301);
    // Writing over one half of a wide character takes the other away.
    grid_text(&out, NULL, 2, 0, 1, (cell_style){0}, "x", NULL);
    assert_int_equal(grid_at(&out, 1, 0)->chars[0], ' ');
    assert_int_equal(grid_at(&out, 1, 0)->width, 1);
    // What is too long ends with the ellipsis, a wide one at the edge becomes a blank.
    grid_text(&out, NULL, 0, 0, 4, (cell_style){0}, "abcdef", "\xe2\x80\xa6");
    assert_int_equal(grid_at(&out, 3, 0)->chars[0], 0x2026);
    grid_put(&out, NULL, 7, 0, (uint32_t[CELL_CHARS]){0x65e5}, 2, (cell_style){0});
    assert_int_equal(grid_at(&out, 7, 0)->chars[0], ' ');
    // Nothing that a terminal would obey.
    grid_text(&out, NULL, 0, 0, 8, (cell_style){0}, "\x1b\x07\xc2\x9b\xe2\x80\xae", NULL);
    for (int x = 0; x < 4; x++)
        assert_int_equal(grid_at(&out, x, 0)->chars[0], 0xfffd);
    grid_finish(&out);
}

static void strip(const char *from, const char *to) {
    char *text = log_text_strip(from, strlen(from));
    assert_string_equal(text, to);
    free(text);
}

static void test_log_text(void **state) {
    (void)state;
    strip("\x1b[1;31mred\x1b[0m", "red");
    strip("\x1b]0;title\x07left\x1b]8;;http://x\x1b\\ link", "left link");
    strip("\x1bP1$r0m\x1b\\ok\x1b(B\x1b=", "ok");
    strip("ab\tc", "ab      c");
    strip("10%\r20%\r30%", "30%");
    strip("bell \x07", "bell \\x07");
    strip("cut \x1b[1;2", "cut ");
}

static void test_log_bounds(void **state) {
    (void)state;
    log_buffer lines = {0};
    char *long_line = malloc(100000);
    memset(long_line, 'x', 100000);
    for (int i = 0; i < LOG_BUFFER_LINES + 500; i++)
        log_buffer_add(&lines, 0, i, 1, long_line, i % 100 ? 20 : 100000, false);
    assert_true(lines.count <= LOG_BUFFER_LINES);
    assert_true(lines.bytes <= LOG_BUFFER_BYTES);
    assert_int_equal(log_buffer_at(&lines, lines.count - 1)->unix_ns, LOG_BUFFER_LINES + 499);
    // Parts of one line are one line, but not without end.
    size_t before = lines.count;
    log_buffer_add(&lines, 0, 0, 1, "first ", 6, true);
    log_buffer_add(&lines, 0, 0, 1, "second", 6, false);
    assert_string_equal(log_buffer_at(&lines, lines.count - 1)->text, "first second");
    assert_true(lines.count <= before + 1);
    free(long_line);
    log_buffer_finish(&lines);
}

static void test_words(void **state) {
    (void)state;
    json_t *words;
    assert_true(words_split("sh -c 'a  b' \"c d\" e\\ f ''", &words));
    const char *expected[] = {"sh", "-c", "a  b", "c d", "e f", ""};
    assert_int_equal(json_array_size(words), array_length(expected));
    for (size_t i = 0; i < array_length(expected); i++)
        assert_string_equal(json_string_value(json_array_get(words, i)), expected[i]);
    json_decref(words);
    assert_false(words_split("'open", &words));
    assert_null(words);
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    words_quote(out, "it's");
    fclose(out);
    assert_string_equal(text, "'it'\\''s'");
    free(text);
}

// The selection stays on its thing when the list changes around it.
static void test_selection(void **state) {
    (void)state;
    model_state model = {0};
    ui_state ui = {0};
    json_t *list = fake_containers(6, 0);
    model_set_containers(&model, list);
    ui_refresh_list(&ui, &model, PANE_CONTAINERS);
    ui_select(&ui, &model, PANE_CONTAINERS, 2);
    assert_string_equal(ui_container(&ui, &model)->name, "build");
    json_array_remove(list, 0);
    model_set_containers(&model, list);
    ui_refresh_list(&ui, &model, PANE_CONTAINERS);
    assert_string_equal(ui_container(&ui, &model)->name, "build");
    // When its thing goes, the one in its place is next.
    json_array_remove(list, 1);
    model_set_containers(&model, list);
    ui_refresh_list(&ui, &model, PANE_CONTAINERS);
    assert_non_null(ui_container(&ui, &model));
    strcpy(ui.lists[PANE_CONTAINERS].filter, "!alpine");
    ui_refresh_list(&ui, &model, PANE_CONTAINERS);
    for (size_t i = 0; i < ui.lists[PANE_CONTAINERS].count; i++)
        assert_null(strstr(model.containers[ui.lists[PANE_CONTAINERS].order[i]].image, "alpine"));
    strcpy(ui.lists[PANE_CONTAINERS].filter, "no such thing");
    ui_refresh_list(&ui, &model, PANE_CONTAINERS);
    assert_null(ui_container(&ui, &model));
    json_decref(list);
    ui_finish(&ui);
    model_finish(&model);
}

static void test_search(void **state) {
    (void)state;
    ui_text text = {.text = (char *)"one\nTwo web\nthree\nWEB\nfive web web", .lines = 5};
    assert_false(text_search_go(&text, 1)); // nothing is searched for
    strcpy(text.search, "wEb");
    assert_int_equal(text_search_count(&text), 3);
    assert_true(text_search_go(&text, 0));
    assert_int_equal(text.found, 1);
    assert_true(text_search_go(&text, 1));
    assert_int_equal(text.found, 3);
    assert_true(text_search_go(&text, 1));
    assert_int_equal(text.found, 4);
    assert_true(text_search_go(&text, 1)); // round the end
    assert_int_equal(text.found, 1);
    assert_true(text_search_go(&text, -1));
    assert_int_equal(text.found, 4);
    text.top = 2;
    assert_true(text_search_go(&text, 0)); // from where it is shown
    assert_int_equal(text.found, 3);
    strcpy(text.search, "one\nTwo"); // lines are searched, not what is between them
    assert_false(text_search_go(&text, 1));
    text.text = NULL;
    assert_int_equal(text_search_count(&text), 0);
}

static void test_figures(void **state) {
    (void)state;
    char out[16];
    assert_string_equal(view_bytes(0, out), "0");
    assert_string_equal(view_bytes(999, out), "999");
    assert_string_equal(view_bytes(1024 * 1024 * 61.0, out), "61M");
    assert_string_equal(view_bytes(1024.0 * 1024 * 1024 * 1.25, out), "1.2G");
    assert_string_equal(view_bytes(1e30, out), "999E");
    assert_string_equal(view_percent(12.44, out), "12.4");
    assert_string_equal(view_percent(1204.2, out), "1204");
    assert_string_equal(view_age(59, out), "59 s");
    assert_string_equal(view_age(7300, out), "2 h");
    assert_string_equal(view_age(-5, out), "0 s");
}

static void test_colors(void **state) {
    (void)state;
    bool bold = false;
    assert_int_equal(screen_color_number(CELL_COLOR_DEFAULT, 256, &bold), -1);
    assert_int_equal(screen_color_number(CELL_COLOR_RGB(255, 0, 0), 256, &bold), 196);
    assert_int_equal(screen_color_number(CELL_COLOR_RGB(255, 0, 0), 1 << 24, &bold), 0xff0000);
    assert_int_equal(screen_color_number(CELL_COLOR_RGB(0, 0, 3), 1 << 24, &bold),
                     8); // below 8 is the palette
    assert_int_equal(screen_color_number(CELL_COLOR_INDEXED(3), 1 << 24, &bold), 3);
    assert_int_equal(screen_color_number(CELL_COLOR_INDEXED(196), 1 << 24, &bold), 0xff0000);
    assert_false(bold);
    assert_int_equal(screen_color_number(CELL_COLOR_INDEXED(9), 8, &bold), 1);
    assert_true(bold);
    assert_int_equal(screen_color_number(CELL_COLOR_RGB(255, 0, 0), 0, &bold), -1);
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),   cmocka_unit_test(test_log_text),  cmocka_unit_test(test_log_bounds),
        cmocka_unit_test(test_words),   cmocka_unit_test(test_selection), cmocka_unit_test(test_search),
        cmocka_unit_test(test_figures), cmocka_unit_test(test_colors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
