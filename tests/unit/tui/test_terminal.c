// The emulator behind its interface: cells, keys, and what must not get out.
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/holm.h"
#include "tui/terminal.h"

static char answer[4096];
static size_t answer_length;

static void take(const char *bytes, size_t length, void *data) {
    (void)data;
    assert_true(answer_length + length < sizeof(answer));
    memcpy(answer + answer_length, bytes, length);
    answer_length += length;
    answer[answer_length] = 0;
}

static terminal *fresh(int columns, int rows) {
    answer_length = 0;
    answer[0] = 0;
    return terminal_create(columns, rows, take, NULL);
}

static void write_text(terminal *screen, const char *text) {
    terminal_write(screen, text, strlen(text));
}

static void row_text(const terminal *screen, size_t back, int row, char *out) {
    grid frame = {0};
    grid_resize(&frame, terminal_columns(screen), terminal_rows(screen));
    terminal_draw(screen, &frame, &(rect){0, 0, frame.columns, frame.rows}, back, true);
    size_t length = 0;
    for (int x = 0; x < frame.columns; x++)
        for (int i = 0; i < CELL_CHARS && grid_at(&frame, x, row)->chars[i]; i++)
            length += cell_utf8_encode(grid_at(&frame, x, row)->chars[i], out + length);
    while (length && out[length - 1] == ' ')
        length--;
    out[length] = 0;
    grid_finish(&frame);
}

static void test_cells(void **state) {
    (void)state;
    terminal *screen = fresh(20, 4);
    write_text(screen, "\x1b[1;38;2;10;20;30;48;5;22mA\x1b[0m\xe6\x97\xa5"
                       "e\xcc\x81\x1b[4;7mz");
    grid frame = {0};
    grid_resize(&frame, 20, 4);
    terminal_draw(screen, &frame, &(rect){0, 0, 20, 4}, 0, true);
    const cell *at = grid_at(&frame, 0, 0);
    assert_int_equal(at->style.fg, CELL_COLOR_RGB(10, 20, 30));
    assert_int_equal(at->style.bg, CELL_COLOR_INDEXED(22));
    assert_int_equal(at->style.attributes, CELL_BOLD);
    assert_int_equal(grid_at(&frame, 1, 0)->width, 2);
    assert_int_equal(grid_at(&frame, 3, 0)->chars[1], 0x301);
    assert_int_equal(grid_at(&frame, 4, 0)->style.attributes, CELL_UNDERLINE | CELL_REVERSE);
    assert_int_equal(frame.cursor_column, 5);
    grid_finish(&frame);
    terminal_destroy(screen);
}

static void test_scrollback(void **state) {
    (void)state;
    terminal *screen = fresh(20, 4);
    char text[128];
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "\x1b[3%dmline %d\x1b[0m\r\n", i % 8, i);
        write_text(screen, text);
    }
    assert_int_equal(terminal_scrollback(screen), 97);
    row_text(screen, 10, 0, text);
    assert_string_equal(text, "line 87");
    row_text(screen, 97, 0, text);
    assert_string_equal(text, "line 0");
    write_text(screen, "\x1b[?1049h"); // the other screen has none
    assert_int_equal(terminal_scrollback(screen), 0);
    write_text(screen, "\x1b[?1049l");
    for (int i = 0; i < TERMINAL_SCROLLBACK_LINES + 100; i++)
        write_text(screen, "x\r\n");
    assert_int_equal(terminal_scrollback(screen), TERMINAL_SCROLLBACK_LINES);
    terminal_destroy(screen);
}

static void key(terminal *screen, uint32_t code, unsigned modifiers) {
    terminal_key(screen, &(input_event){.key = code, .modifiers = modifiers});
}

static void test_keys(void **state) {
    (void)state;
    terminal *screen = fresh(20, 4);
    key(screen, 'a', 0);
    key(screen, INPUT_TAB, 0);
    key(screen, INPUT_CTRL('m'), 0);
    key(screen, INPUT_CTRL('p'), 0);
    key(screen, 0xe4, 0);
    key(screen, 'x', INPUT_ALT);
    assert_string_equal(answer, "a\t\r\x10\xc3\xa4\x1bx");
    answer_length = 0;
    key(screen, INPUT_UP, 0);
    write_text(screen, "\x1b[?1h"); // application cursor keys
    key(screen, INPUT_UP, 0);
    assert_string_equal(answer, "\x1b[A\x1bOA");
    terminal_destroy(screen);
}

static void test_paste(void **state) {
    (void)state;
    terminal *screen = fresh(20, 4);
    input_event event = {.key = INPUT_PASTE, .text = "a\nb\x1b[201~c", .length = 10};
    terminal_key(screen, &event);
    key(screen, INPUT_PASTE_END, 0);
    assert_string_equal(answer, "a\rb[201~c");
    answer_length = 0;
    write_text(screen, "\x1b[?2004h");
    terminal_key(screen, &event);
    terminal_key(screen, &event);
    key(screen, INPUT_PASTE_END, 0);
    assert_string_equal(answer, "\x1b[200~a\rb[201~ca\rb[201~c\x1b[201~"); // its pieces are one paste
    terminal_destroy(screen);
}

// It answers what a program may ask of a terminal, but nothing about the user.
static void test_questions(void **state) {
    (void)state;
    terminal *screen = fresh(20, 4);
    write_text(screen, "ab\x1b[6n");
    assert_string_equal(answer, "\x1b[1;3R");
    answer_length = 0;
    answer[0] = 0;
    write_text(screen, "\x1b]52;c;?\x07\x1b]52;c;aGVsbG8=\x07\x1b]52;p;?\x1b\\");
    write_text(screen, "\x1b]0;my title\x07\x1b[21t\x1b[20t");
    assert_string_equal(answer, "");
    terminal_destroy(screen);
}

static void test_title(void **state) {
    (void)state;
    terminal *screen = fresh(20, 4);
    assert_string_equal(terminal_title(screen), "");
    write_text(screen, "\x1b]2;vi \xe2\x80\xae file\x07");
    assert_null(strchr(terminal_title(screen), 0x1b));
    assert_non_null(strstr(terminal_title(screen), "vi \\u202e file"));
    char *flood = calloc(1, 100001);
    memset(flood, 'T', 100000);
    memcpy(flood, "\x1b]2;", 4);
    write_text(screen, flood);
    write_text(screen, "\x07");
    assert_true(strlen(terminal_title(screen)) <= 256);
    free(flood);
    terminal_destroy(screen);
}

static void test_mouse(void **state) {
    (void)state;
    terminal *screen = fresh(20, 4);
    input_event press = {.key = INPUT_MOUSE, .button = 0, .x = 3, .y = 1, .pressed = true};
    terminal_key(screen, &press);
    assert_string_equal(answer, "");
    write_text(screen, "\x1b[?1000h\x1b[?1006h");
    assert_true(terminal_wants_mouse(screen));
    terminal_key(screen, &press);
    assert_string_equal(answer, "\x1b[<0;4;2M");
    press.x = 500;
    answer_length = 0;
    answer[0] = 0;
    terminal_key(screen, &press);
    assert_string_equal(answer, "");
    terminal_destroy(screen);
}

static void test_resize_storm(void **state) {
    (void)state;
    terminal *screen = fresh(80, 24);
    for (int i = 0; i < 500; i++) {
        terminal_resize(screen, 1 + i * 37 % 300, 1 + i * 17 % 90);
        write_text(screen, "\xe6\x97\xa5\xe6\x9c\xac line of text that wraps\r\n\x1b[10;200Hx\x1b[?1049h");
        if (i % 3)
            write_text(screen, "\x1b[?1049l");
    }
    terminal_resize(screen, 0, 0);
    assert_int_equal(terminal_columns(screen), 2);
    terminal_resize(screen, 100000, 100000);
    assert_int_equal(terminal_rows(screen), 1000);
    terminal_destroy(screen);
}

// What a screen gave away when it shrank comes back when it grows, but nothing that had scrolled off before.
static void test_grow_again(void **state) {
    (void)state;
    terminal *screen = fresh(20, 6);
    char text[128];
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof(text), "line %d\r\n", i);
        write_text(screen, text);
    }
    write_text(screen,
               "\x1b[2J\x1b[H\x1b[1;38;2;1;2;3;44m\xe6\x97\xa5 one\x1b[0m\r\ntwo\r\nthree\r\nfour\r\n# ");
    size_t before = terminal_scrollback(screen);
    terminal_resize(screen, 20, 2);
    assert_int_equal(terminal_scrollback(screen), before + 3);
    row_text(screen, 0, 0, text);
    assert_string_equal(text, "four");
    terminal_resize(screen, 20, 6);
    assert_int_equal(terminal_scrollback(screen), before);
    static const char *const rows[] = {"\xe6\x97\xa5 one", "two", "three", "four", "#", ""};
    for (int y = 0; y < 6; y++) {
        row_text(screen, 0, y, text);
        assert_string_equal(text, rows[y]);
    }
    grid frame = {0};
    grid_resize(&frame, 20, 6);
    terminal_draw(screen, &frame, &(rect){0, 0, 20, 6}, 0, true);
    assert_int_equal(frame.cursor_row, 4);
    assert_int_equal(frame.cursor_column, 2);
    const cell *at = grid_at(&frame, 0, 0);
    assert_int_equal(at->width, 2);
    assert_int_equal(at->style.fg, CELL_COLOR_RGB(1, 2, 3));
    assert_int_equal(at->style.bg, CELL_COLOR_INDEXED(4));
    assert_int_equal(at->style.attributes, CELL_BOLD);
    grid_finish(&frame);
    terminal_destroy(screen);
}

// ---- lines that scroll by unseen ----

static unsigned random_seed;

static unsigned random_below(unsigned most) {
    random_seed = random_seed * 1664525 + 1013904223;
    return (random_seed >> 8) % most;
}

// Mostly lines as services write them; now and then what makes them none.
static size_t random_stream(char *out, size_t size) {
    static const char *const odd[] = {"\x1b[2;5r",
                                      "\x1b[r",
                                      "\x1b[?6h",
                                      "\x1b[?6l",
                                      "\x1b[4h",
                                      "\x1b[4l",
                                      "\x1b(0",
                                      "\x1b(B",
                                      "\x0e",
                                      "\x0f",
                                      "\x1b"
                                      "c",
                                      "\x1b[?1049h",
                                      "\x1b[?1049l",
                                      "\x1b[?5h",
                                      "\x1b[?5l",
                                      "\x1b[3;4H",
                                      "\x1b[J",
                                      "\x1b[2J",
                                      "\x1b[K",
                                      "\t",
                                      "\b",
                                      "\r",
                                      "\n",
                                      "\xe6\x97\xa5",
                                      "e\xcc\x81",
                                      "\x1b[?2004h",
                                      "\x1b]0;title\a",
                                      "\x1b"
                                      "7",
                                      "\x1b"
                                      "8",
                                      "\x1b[1\"q",
                                      "\x1b#6",
                                      "\x1b[5L",
                                      "\x1b[44m",
                                      "\x1b[7m",
                                      "\x1b[48;5;3m",
                                      "\x1b[49m",
                                      "\x1b[?69h",
                                      "\x1b[2;9s",
                                      "\x1b[?69l",
                                      "\x1b[?7l",
                                      "\x1b[?7h",
                                      "\x1b[!p",
                                      "\x1bM",
                                      "\x1b[99m"};
    static const char *const colors[] = {"\x1b[m",       "\x1b[31m",         "\x1b[1;32m", "\x1b[0;4;35m",
                                         "\x1b[38;5;0m", "\x1b[38;2;1;2;3m", "\x1b[3;9m",  "\x1b[22;39m",
                                         "\x1b[5m",      "\x1b[91m",         "\x1b[21m",   "\x1b[0;7m",
                                         "\x1b[27m"};
    size_t length = 0;
    while (length + 200 < size) {
        // Some are longer than the screen is wide, and some end at its edge.
        for (unsigned words = random_below(random_below(6) ? 5 : 20); words > 0; words--) {
            if (random_below(4) == 0)
                length += (size_t)sprintf(out + length, "%s", colors[random_below(array_length(colors))]);
            length += (size_t)sprintf(out + length, "%u ", random_below(100000));
            if (random_below(300) == 0)
                length += (size_t)sprintf(out + length, "%s", odd[random_below(array_length(odd))]);
        }
        if (random_below(20) == 0)
            length += (size_t)sprintf(out + length, "\r%0*d", 30 * (int)(1 + random_below(3)), 7);
        length += (size_t)sprintf(out + length, "%s\r\n", random_below(20) ? "\x1b[m" : "");
    }
    return length;
}

static void same_lines(const terminal *one, const terminal *other) {
    grid left = {0}, right = {0};
    grid_resize(&left, terminal_columns(one), 1);
    grid_resize(&right, terminal_columns(one), 1);
    assert_true(terminal_first_line(one) == terminal_first_line(other));
    assert_true(terminal_end_line(one) == terminal_end_line(other));
    for (uint64_t line = terminal_first_line(one); line < terminal_end_line(one); line++) {
        grid_clear(&left, (cell_style){0});
        grid_clear(&right, (cell_style){0});
        terminal_read_line(one, line, &left);
        terminal_read_line(other, line, &right);
        for (int x = 0; x < left.columns; x++)
            assert_true(cell_equal(grid_at(&left, x, 0), grid_at(&right, x, 0)));
    }
    grid_finish(&left);
    grid_finish(&right);
}

// Written at once or in small pieces, there is no difference: not in the scrollback, not on the screen, not
// in what comes after.
static void test_passed_over(void **state) {
    (void)state;
    char *text = malloc(1 << 16);
    for (unsigned seed = 1; seed <= 150; seed++) {
        random_seed = seed;
        terminal *whole = fresh(30, 6), *pieces = fresh(30, 6);
        for (int round = 0; round < 4; round++) {
            size_t length = random_stream(text, 2000u << random_below(5));
            terminal_write(whole, text, length);
            for (size_t i = 0; i < length; i += 16)
                terminal_write(pieces, text + i, length - i < 16 ? length - i : 16);
            same_lines(whole, pieces);
            grid one = {0}, other = {0};
            grid_resize(&one, 30, 6);
            grid_resize(&other, 30, 6);
            terminal_draw(whole, &one, &(rect){0, 0, 30, 6}, 0, true);
            terminal_draw(pieces, &other, &(rect){0, 0, 30, 6}, 0, true);
            assert_int_equal(one.cursor_column, other.cursor_column);
            assert_int_equal(one.cursor_row, other.cursor_row);
            grid_finish(&one);
            grid_finish(&other);
        }
        terminal_destroy(whole);
        terminal_destroy(pieces);
    }
    free(text);
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),        cmocka_unit_test(test_scrollback),
        cmocka_unit_test(test_keys),         cmocka_unit_test(test_paste),
        cmocka_unit_test(test_passed_over),  cmocka_unit_test(test_questions),
        cmocka_unit_test(test_title),        cmocka_unit_test(test_mouse),
        cmocka_unit_test(test_resize_storm), cmocka_unit_test(test_grow_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
