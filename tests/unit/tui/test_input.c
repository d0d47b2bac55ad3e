#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tui/dashboard_private.h"

typedef struct heard {
    char text[4096];
} heard;

static void hear(const input_event *event, void *data) {
    heard *all = data;
    char name[24], part[512];
    if (event->key == INPUT_PASTE)
        snprintf(part, sizeof(part), "paste(%.*s) ", (int)event->length, event->text);
    else if (event->key == INPUT_PASTE_END)
        snprintf(part, sizeof(part), "paste-end ");
    else if (event->key == INPUT_MOUSE)
        snprintf(part, sizeof(part), "mouse(%d %d,%d %s) ", event->button, event->x, event->y,
                 event->pressed ? "down" : "up");
    else
        snprintf(part, sizeof(part), "%s ", dashboard_key_name(event, name));
    strncat(all->text, part, sizeof(all->text) - strlen(all->text) - 1);
}

static void expect(const char *bytes, size_t length, const char *events) {
    // All at once, and byte by byte: the same.
    for (size_t step = length; step > 0; step = step > 1 ? 1 : 0) {
        input_decoder decoder = {0};
        heard all = {""};
        for (size_t i = 0; i < length; i += step)
            input_feed(&decoder, bytes + i, step, hear, &all);
        input_flush(&decoder, hear, &all);
        // Pastes come in pieces when the bytes do.
        if (step == length || !strstr(events, "paste"))
            assert_string_equal(all.text, events);
    }
}

#define EXPECT(bytes, events) expect(bytes, sizeof(bytes) - 1, events)

static void test_keys(void **state) {
    (void)state;
    EXPECT("aZ ?", "a Z space ? ");
    EXPECT("\r\t\x7f\b\x01\x10", "enter tab backspace backspace ctrl-a ctrl-p ");
    EXPECT("\xc3\xa4\xe6\x97\xa5", "\xc3\xa4 \xe6\x97\xa5 ");
    EXPECT("\x1b[A\x1bOB\x1b[1;5C\x1b[Z", "up down ctrl-right backtab ");
    EXPECT("\x1b[5~\x1b[6~\x1b[3~\x1b[H\x1b[4~", "pageup pagedown delete home end ");
    EXPECT("\x1bOP\x1b[15~\x1b[24~\x1b[[A", "f1 f5 f12 f1 ");
    EXPECT("\x1bx", "alt-x ");
    EXPECT("\x1b", "esc ");
    EXPECT("\x1b\x1b", "esc esc ");
    EXPECT("\xff\x80", "\xef\xbf\xbd \xef\xbf\xbd ");
    EXPECT("\x1b[?62;c\x1b[>0;1cq", "q "); // answers to questions that were not asked
}

static void test_paste_and_mouse(void **state) {
    (void)state;
    EXPECT("\x1b[200~a\x1b[Ab\nc\x1b[201~q", "paste(a\x1b[Ab\nc) paste-end q ");
    EXPECT("\x1b[<0;10;5M\x1b[<0;10;5m\x1b[<65;1;1M",
           "mouse(0 9,4 down) mouse(0 9,4 up) mouse(65 0,0 down) ");
}

static void gather(const input_event *event, void *data) {
    char *text = data;
    if (event->key != INPUT_PASTE)
        return;
    for (size_t i = 0, used; i < event->length; i += used)
        assert_int_not_equal(cell_utf8_decode(event->text + i, event->length - i, &used), 0xfffd);
    strncat(text, event->text, event->length);
}

// However it comes, no piece of a paste ends within a character.
static void test_long_paste(void **state) {
    (void)state;
    char bytes[1024] = "\x1b[200~";
    for (int i = 0; i < 100; i++)
        strcat(bytes, i % 3 ? "\xc3\xa4" : "\xe6\x97\xa5x");
    const char *pasted = bytes + 6;
    size_t length = strlen(bytes);
    strcat(bytes, "\x1b[201~");
    for (size_t step = 1; step < 300; step += 7) {
        input_decoder decoder = {0};
        char text[1024] = "";
        for (size_t i = 0; i < length + 6; i += step)
            input_feed(&decoder, bytes + i, i + step < length + 6 ? step : length + 6 - i, gather, text);
        assert_memory_equal(text, pasted, length - 6);
        assert_int_equal(strlen(text), length - 6);
    }
}

// The start of a sequence waits; input_flush gives it out as keys.
static void test_lone_escape(void **state) {
    (void)state;
    input_decoder decoder = {0};
    heard all = {""};
    input_feed(&decoder, "\x1b", 1, hear, &all);
    assert_string_equal(all.text, "");
    assert_true(input_pending(&decoder));
    input_flush(&decoder, hear, &all);
    assert_string_equal(all.text, "esc ");
    assert_false(input_pending(&decoder));
}

static void test_endless_sequence(void **state) {
    (void)state;
    input_decoder decoder = {0};
    heard all = {""};
    input_feed(&decoder, "\x1b[", 2, hear, &all);
    for (int i = 0; i < 1000; i++)
        input_feed(&decoder, "1;", 2, hear, &all);
    input_feed(&decoder, "Aq", 2, hear, &all);
    assert_true(decoder.length < sizeof(decoder.pending));
    assert_non_null(strstr(all.text, "q "));
}

static void type(line_edit *line, const char *text) {
    for (; *text; text++)
        line_edit_key(line, &(input_event){.key = (unsigned char)*text});
}

static void test_line_edit(void **state) {
    (void)state;
    line_edit line = {0};
    type(&line, "hello wide world");
    line_edit_key(&line, &(input_event){.key = INPUT_CTRL('w')});
    assert_string_equal(line.text, "hello wide ");
    line_edit_key(&line, &(input_event){.key = INPUT_HOME});
    line_edit_key(&line, &(input_event){.key = 0x65e5});
    assert_string_equal(line.text, "\xe6\x97\xa5hello wide ");
    assert_int_equal(line_edit_column(&line), 2);
    line_edit_key(&line, &(input_event){.key = INPUT_BACKSPACE});
    assert_string_equal(line.text, "hello wide ");
    line_edit_key(&line, &(input_event){.key = INPUT_PASTE, .text = "a\x1b\nb", .length = 4});
    assert_string_equal(line.text, "a bhello wide ");
    assert_false(line_edit_key(&line, &(input_event){.key = INPUT_UP}));
    for (int i = 0; i < 3000; i++)
        type(&line, "x");
    assert_true(line.length < LINE_EDIT_SIZE);
}

static void test_detach_keys(void **state) {
    (void)state;
    uint32_t keys[8];
    assert_int_equal(console_parse_keys("ctrl-p,ctrl-q", keys, 8), 2);
    assert_int_equal(keys[0], 0x10);
    assert_int_equal(keys[1], 0x11);
    assert_int_equal(console_parse_keys("a,ctrl-]", keys, 8), 2);
    assert_int_equal(keys[1], 0x1d);
    assert_int_equal(console_parse_keys("", keys, 8), 0);
    assert_int_equal(console_parse_keys("control-p", keys, 8), -1);
    assert_int_equal(console_parse_keys("a,a,a,a,a,a,a,a,a", keys, 8), -1);
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_paste_and_mouse),
        cmocka_unit_test(test_long_paste),
        cmocka_unit_test(test_lone_escape),
        cmocka_unit_test(test_endless_sequence),
        cmocka_unit_test(test_line_edit),
        cmocka_unit_test(test_detach_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
