// Looking back in a console: search, selections, the mouse, and that what is looked at stays.
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/holm.h"
#include "tui/copy_mode.h"

static void ignore(const char *bytes, size_t length, void *data) {
    (void)bytes;
    (void)length;
    (void)data;
}

static void write_lines(terminal *screen, int from, int to) {
    char text[64];
    for (int i = from; i < to; i++)
        terminal_write(screen, text,
                       (size_t)snprintf(text, sizeof(text), "line %d \xe6\x97\xa5 Ende\r\n", i));
}

static char *keys(copy_mode *self, const terminal *screen, const char *typed) {
    char *taken = NULL;
    for (; *typed && !taken; typed++)
        taken = copy_mode_key(self, screen, &(input_event){.key = (unsigned char)*typed});
    return taken;
}

static void expect_taken(copy_mode *self, const terminal *screen, const char *typed, const char *wanted) {
    cleanup_free char *taken = keys(self, screen, typed);
    assert_non_null(taken);
    assert_string_equal(taken, wanted);
    assert_false(self->on);
}

static void test_search(void **state) {
    (void)state;
    terminal *screen = terminal_create(30, 6, ignore, NULL);
    copy_mode copy = {0};
    write_lines(screen, 0, 100);
    copy_mode_begin_search(&copy, screen);
    assert_null(keys(&copy, screen, "LINE 2\r"));
    assert_int_equal(copy.matches, 0); // a capital means itself
    assert_null(keys(&copy, screen, "?line 2\r"));
    assert_int_equal(copy.matches, 11);
    assert_int_equal(copy.line, 29);
    keys(&copy, screen, "nN?27\r");
    assert_int_equal(copy.line, 27);
    assert_int_equal(copy.column, 5);
    expect_taken(&copy, screen, "vj$\r", "27 \xe6\x97\xa5 Ende\nline 28 \xe6\x97\xa5 Ende");
    terminal_destroy(screen);
}

// More output moves the end, not what is shown; lines that are dropped take the cursor along.
static void test_stays(void **state) {
    (void)state;
    terminal *screen = terminal_create(30, 6, ignore, NULL);
    copy_mode copy = {0};
    write_lines(screen, 0, 100);
    copy_mode_scroll(&copy, screen, -20);
    uint64_t top = copy.top;
    size_t back = copy_mode_back(&copy, screen);
    write_lines(screen, 100, 150);
    assert_int_equal(copy.top, top);
    assert_int_equal(copy_mode_back(&copy, screen), back + 50);
    write_lines(screen, 150, 150 + 2 * TERMINAL_SCROLLBACK_LINES);
    expect_taken(&copy, screen, "gV\r", "line 5145 \xe6\x97\xa5 Ende");
    assert_int_equal(terminal_first_line(screen), 5145);
    terminal_destroy(screen);
}

static void test_mouse(void **state) {
    (void)state;
    terminal *screen = terminal_create(30, 6, ignore, NULL);
    copy_mode copy = {0};
    write_lines(screen, 0, 10);
    const input_event press = {.key = INPUT_MOUSE, .pressed = true, .x = 5, .y = 1};
    const input_event drag = {.key = INPUT_MOUSE, .button = 32, .pressed = true, .x = 3, .y = 2};
    const input_event release = {.key = INPUT_MOUSE, .x = 3, .y = 2};
    assert_null(copy_mode_mouse(&copy, screen, &press));
    assert_null(copy_mode_mouse(&copy, screen, &drag));
    cleanup_free char *taken = copy_mode_mouse(&copy, screen, &release);
    assert_string_equal(taken, "6 \xe6\x97\xa5 Ende\nline");
    assert_null(copy_mode_mouse(&copy, screen, &press)); // a click copies nothing
    const input_event up = {.key = INPUT_MOUSE, .x = 5, .y = 1};
    assert_null(copy_mode_mouse(&copy, screen, &up));
    assert_false(copy.on);
    const input_event wheel = {.key = INPUT_MOUSE, .button = 64, .pressed = true};
    copy_mode_mouse(&copy, screen, &wheel);
    assert_true(copy.on);
    copy_mode_scroll(&copy, screen, 3); // back at the end
    assert_false(copy.on);
    terminal_destroy(screen);
}

// Resizing and the other screen while it looks back.
static void test_under_way(void **state) {
    (void)state;
    terminal *screen = terminal_create(30, 6, ignore, NULL);
    copy_mode copy = {0};
    grid frame = {0};
    write_lines(screen, 0, 50);
    copy_mode_scroll(&copy, screen, -30);
    keys(&copy, screen, "$Vk");
    terminal_write(screen, "\x1b[?1049h\x1b[Hfull", 15);
    terminal_resize(screen, 4, 2);
    grid_resize(&frame, 4, 2);
    copy_mode_draw(&copy, screen, &frame, &(rect){0, 0, 4, 2}, (cell_style){0}, (cell_style){0});
    keys(&copy, screen, "kkjjggG$");
    expect_taken(&copy, screen, "\x1bgV\r", "full");
    grid_finish(&frame);
    terminal_destroy(screen);
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_stays),
        cmocka_unit_test(test_mouse),
        cmocka_unit_test(test_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
