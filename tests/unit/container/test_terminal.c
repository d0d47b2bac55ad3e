// A repaint brings a fresh terminal to the same screen: cells, attributes, cursor, modes, title, scrollback.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <vterm.h>

#include <cmocka.h>

#include "core/container/terminal.h"

#define COLUMNS 40
#define ROWS    10

static VTerm *plain_terminal(void) {
    VTerm *made = vterm_new(ROWS, COLUMNS);
    vterm_set_utf8(made, 1);
    vterm_screen_enable_altscreen(vterm_obtain_screen(made), 1);
    vterm_screen_reset(vterm_obtain_screen(made), 1);
    return made;
}

static void expect_same_cell(const VTermScreenCell *one, const VTermScreenCell *other) {
    assert_memory_equal(one->chars, other->chars, sizeof(uint32_t));
    for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && one->chars[i]; i++)
        assert_int_equal(one->chars[i], other->chars[i]);
    assert_int_equal(one->width, other->width);
    assert_int_equal(one->attrs.bold, other->attrs.bold);
    assert_int_equal(one->attrs.underline, other->attrs.underline);
    assert_int_equal(one->attrs.italic, other->attrs.italic);
    assert_int_equal(one->attrs.blink, other->attrs.blink);
    assert_int_equal(one->attrs.reverse, other->attrs.reverse);
    assert_int_equal(one->attrs.strike, other->attrs.strike);
    assert_int_equal(one->attrs.font, other->attrs.font);
    assert_int_equal(one->attrs.dwl, other->attrs.dwl);
    assert_int_equal(one->fg.type, other->fg.type);
    assert_int_equal(one->bg.type, other->bg.type);
    assert_true(vterm_color_is_equal(&one->fg, &other->fg));
    assert_true(vterm_color_is_equal(&one->bg, &other->bg));
}

static void expect_same_screen(VTerm *one, VTerm *other) {
    for (int row = 0; row < ROWS; row++) {
        for (int column = 0; column < COLUMNS; column++) {
            VTermScreenCell first, second;
            const VTermPos at = {.row = row, .col = column};
            vterm_screen_get_cell(vterm_obtain_screen(one), at, &first);
            vterm_screen_get_cell(vterm_obtain_screen(other), at, &second);
            expect_same_cell(&first, &second);
        }
    }
    VTermPos first, second;
    vterm_state_get_cursorpos(vterm_obtain_state(one), &first);
    vterm_state_get_cursorpos(vterm_obtain_state(other), &second);
    assert_int_equal(first.row, second.row);
    assert_int_equal(first.col, second.col);
}

// Feeds a program's output to ours and to a plain terminal, repaints a third one from ours, and goes on with
// `more` in all of them: the three must agree both times.
static void expect_repaint(const char *output, const char *more) {
    terminal *ours = terminal_create(COLUMNS, ROWS);
    VTerm *wanted = plain_terminal(), *got = plain_terminal();
    vterm_input_write(got, "\x1b[44mrubbish\x1b[2;3Hthat was there", 29);
    terminal_feed(ours, output, strlen(output));
    vterm_input_write(wanted, output, strlen(output));
    cleanup_buffer buffer screen = BUFFER_INIT;
    terminal_repaint(ours, 0, &screen);
    vterm_input_write(got, buffer_text(&screen), screen.length);
    expect_same_screen(wanted, got);
    vterm_input_write(wanted, more, strlen(more));
    vterm_input_write(got, more, strlen(more));
    expect_same_screen(wanted, got);

    // And once more through a terminal of ours: nothing is lost on a second way.
    terminal *second = terminal_create(COLUMNS, ROWS);
    cleanup_buffer buffer again = BUFFER_INIT;
    terminal_feed(second, buffer_text(&screen), screen.length);
    terminal_repaint(second, 0, &again);
    assert_string_equal(buffer_text(&screen), buffer_text(&again));
    terminal_destroy(second);
    terminal_destroy(ours);
    vterm_free(wanted);
    vterm_free(got);
}

static void text_and_attributes(void **data) {
    (void)data;
    expect_repaint(
        "plain\r\n\x1b[1mbold\x1b[0m \x1b[3;4mboth\x1b[0m\r\n\x1b[38;2;1;2;3;48;5;200mtrue\x1b[K\x1b[0m\r\n"
        "\x1b[31;42mnames\x1b[7mturned\x1b[0m\r\n\x1b[21mdouble\x1b[9mstruck\x1b[5mblink",
        "after");
}

static void wide_and_combining(void **data) {
    (void)data;
    expect_repaint("a\xe6\xbc\xa2\xe5\xad\x97z e\xcc\x81 \xf0\x9f\x98\x80!\x1b[3;39H\xe6\xbc\xa2\r\n", "x");
}

static void blanks_stay_blanks(void **data) {
    (void)data;
    expect_repaint("a\x1b[10Cb\x1b[3;5H\x1b[41m\x1b[K\x1b[0m\x1b[5;1H   c   ", "\x1b[1;1H\x1b[P");
}

static void a_full_screen_program(void **data) {
    (void)data;
    expect_repaint(
        "$ first\r\n$ vi\x1b[?1049h\x1b[H\x1b[2J\x1b[2;9r\x1b[5;5Hinside\x1b[?2004h\x1b[?1006;1002h\x1b[?1h",
        "\x1b[9;1H\n\nscrolled\x1b[?1049l left");
}

static void origin_and_insert(void **data) {
    (void)data;
    expect_repaint("\x1b[3;7r\x1b[?6h\x1b[2;4Hx", "\x1b[1;1Htop\r\n\n\n\n\n\nbottom");
    expect_repaint("abcdef\x1b[4h\x1b[1;3H", "XY");
    expect_repaint("\x1b[?7labcdef", "0123456789012345678901234567890123456789");
}

static void line_drawing(void **data) {
    (void)data;
    expect_repaint("\x1b(0lqk\r\n", "mqj\x1b(Bplain");
    expect_repaint("\x1b)0\x0elqk", "q\x0fq");
}

static void sequences_in_pieces(void **data) {
    (void)data;
    static const char output[] = "one\x1b[?1049h\x1b[31mtwo\x1b[?1049lthree\x1b]2;ti\x1b\\\x1b[?25l";
    terminal *whole = terminal_create(COLUMNS, ROWS), *pieces = terminal_create(COLUMNS, ROWS);
    terminal_feed(whole, output, sizeof output - 1);
    for (size_t i = 0; i < sizeof output - 1; i++)
        terminal_feed(pieces, output + i, 1);
    cleanup_buffer buffer first = BUFFER_INIT, second = BUFFER_INIT;
    terminal_repaint(whole, 0, &first);
    terminal_repaint(pieces, 0, &second);
    // (libvterm 0.1.4 loses a title that comes in pieces.)
    const char *title = strstr(buffer_text(&first), "\x1b]2;");
    assert_memory_equal(buffer_text(&first), buffer_text(&second), (size_t)(title - buffer_text(&first)));
    assert_non_null(strstr(buffer_text(&first), "\x1b[?25l"));
    terminal_destroy(whole);
    terminal_destroy(pieces);
}

static void scrollback_comes_along(void **data) {
    (void)data;
    terminal *self = terminal_create(COLUMNS, ROWS);
    char line[32];
    for (int i = 0; i < 5000; i++)
        terminal_feed(self, line, (size_t)snprintf(line, sizeof line, "line %d\r\n", i));
    cleanup_buffer buffer all = BUFFER_INIT, some = BUFFER_INIT;
    terminal_repaint(self, TERMINAL_SCROLLBACK, &all);
    terminal_repaint(self, 3, &some);
    assert_non_null(strstr(buffer_text(&all), "line 4990\r\n"));
    assert_non_null(strstr(buffer_text(&all), "line 3991\r\n"));
    assert_null(strstr(buffer_text(&all), "line 3990\r\n"));
    assert_null(strstr(buffer_text(&some), "line 4987\r\n"));
    VTerm *got = plain_terminal(), *wanted = plain_terminal();
    vterm_input_write(got, buffer_text(&all), all.length);
    cleanup_buffer buffer bare = BUFFER_INIT;
    terminal_repaint(self, 0, &bare);
    vterm_input_write(wanted, buffer_text(&bare), bare.length);
    expect_same_screen(wanted, got);
    vterm_free(got);
    vterm_free(wanted);
    terminal_destroy(self);
}

static void titles_are_kept_and_harmless(void **data) {
    (void)data;
    static const char output[] = "\x1b]2;hello\x07";
    terminal *self = terminal_create(0, 0);
    assert_string_equal(terminal_title(self), "");
    terminal_feed(self, output, sizeof output - 1);
    assert_string_equal(terminal_title(self), "hello");
    terminal_destroy(self);
}

static void memory_is_bounded(void **data) {
    (void)data;
    terminal *self = terminal_create(TERMINAL_SIZE_MOST, 5);
    cleanup_buffer buffer row = BUFFER_INIT;
    for (int i = 0; i < TERMINAL_SIZE_MOST; i++)
        buffer_append_format(&row, "\x1b[38;2;%d;7;9mx", i % 256);
    for (int i = 0; i < 1200; i++) {
        terminal_feed(self, "\r\n", 2);
        terminal_feed(self, buffer_text(&row), row.length);
    }
    cleanup_buffer buffer screen = BUFFER_INIT;
    terminal_repaint(self, TERMINAL_SCROLLBACK, &screen);
    assert_true(screen.length < 6u << 20);
    terminal_destroy(self);
}

static void questions_are_answered(void **data) {
    (void)data;
    char answer[64];
    terminal *self = terminal_create(COLUMNS, ROWS);
    terminal_feed(self, "\x1b[6n", 4);
    size_t length = terminal_answers(self, answer, sizeof answer);
    assert_int_equal(length, 6);
    assert_memory_equal(answer, "\x1b[1;1R", 6);
    terminal_destroy(self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_attributes),
        cmocka_unit_test(wide_and_combining),
        cmocka_unit_test(blanks_stay_blanks),
        cmocka_unit_test(a_full_screen_program),
        cmocka_unit_test(origin_and_insert),
        cmocka_unit_test(line_drawing),
        cmocka_unit_test(sequences_in_pieces),
        cmocka_unit_test(scrollback_comes_along),
        cmocka_unit_test(titles_are_kept_and_harmless),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(questions_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
