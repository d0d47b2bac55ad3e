// What goes on to libvterm, and in which form; the same however the bytes are cut.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "core/base/terminal_filter.h"

static void take(const char *bytes, size_t length, void *data) {
    assert_true(length <= TERMINAL_FILTER_PIECE);
    buffer_append(data, bytes, length);
}

static void filter(const char *bytes, size_t length, size_t step, buffer *out) {
    terminal_filter *self = malloc(sizeof *self);
    terminal_filter_init(self, 80, take, out);
    for (size_t i = 0; i < length; i += step)
        terminal_filter_write(self, bytes + i, length - i < step ? length - i : step);
    free(self);
}

static void expect(const char *bytes, const char *wanted) {
    for (size_t step = 1; step < 5; step++) {
        cleanup_buffer buffer out = BUFFER_INIT;
        filter(bytes, strlen(bytes), step == 4 ? strlen(bytes) : step, &out);
        assert_string_equal(buffer_text(&out), wanted);
    }
}

static void test_text(void **state) {
    (void)state;
    expect("plain\r\n\ttext", "plain\r\n\ttext");
    expect("\x01\x05\x7f\x13 ", " ");
    expect("d\xc3\xa9j\xc3\xa0 \xe4\xb8\xad \xf0\x9f\x98\x80",
           "d\xc3\xa9j\xc3\xa0 \xe4\xb8\xad \xf0\x9f\x98\x80");
    expect("\xc3(\x80\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80\xef\xbf\xbf",
           "\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    expect("a\xc2\x85\xc2\x9b"
           "b",
           "ab");
    expect("e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81.",
           "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81.");
    expect("\xe3\x81\x8b\xe3\x82\x99", "\xe3\x81\x8b"); // wide and a mark: it would reach over the edge
}

static void test_sequences(void **state) {
    (void)state;
    expect("\x1b[2;3H\x1b[K\x1b[1;2;3;4A", "\x1b[2;3H\x1b[K\x1b[1A");
    expect("\x1b[?1006;1000h\x1b[?47h\x1b[?9999h\x1b[?2004l",
           "\x1b[?1006h\x1b[?1000h\x1b[?1047h\x1b[?2004l"); // 0.1.4 reads the first one only
    expect("\x1b[99999999999999999999d", "\x1b[65535d");
    expect("\x1b[s.\x1b[u\x1b"
           "8",
           "\x1b"
           "7.\x1b[?1048l\x1b[?1048l");
    expect("\x1b[?69h\x1b[3;9s", "\x1b[?69h\x1b[3;9s");
    expect("a\x1b[?3h", "a"); // as xterm does
    expect("\x1b[?40;3h\x1b[?40l\x1b[?3l", "\x1b[?69l\x1b[r\x1b[H\x1b[2J");
    expect("x\x1b[3b", "xxxx");
    expect("\x1b[5b\x1b[2J", "\x1b[2J"); // nothing to repeat
    expect("\x1b[3\nJ", "\n\x1b[3J");    // a control goes on beside the sequence
    expect("\x1b[3\x18J", "J");
    expect("\x1b[>4;2m\x1b[?4m\x1b[14t\x1b[22;0;0t\x1b[=1u\x1b[1$r.", ".");
    expect("\x1b(0\x1b(K\x1b%G\x1b G\x1b#8", "\x1b(0\x1b(B\x1b#8");
}

static void test_graphics(void **state) {
    (void)state;
    expect("\x1b[m\x1b[1;31m", "\x1b[0m\x1b[1;31m");
    expect("\x1b[38;2;1;2;3;48;5;9m", "\x1b[38;2;1;2;3;48;5;9m");
    expect("\x1b[38:2::10:20:300m\x1b[48:2:1:2:3m\x1b[38:5:7m",
           "\x1b[38;2;10;20;255m\x1b[48;2;1;2;3m\x1b[38;5;7m");
    expect("\x1b[58;2;0;0;0;1m\x1b[58:5:0m", "\x1b[1m");
    expect("\x1b[1;38m\x1b[38;2;1m\x1b[38;5m", "\x1b[1m"); // cut off
    expect("\x1b[4:3m\x1b[4:0;1m\x1b[4:2m", "\x1b[4:3m\x1b[24;1m\x1b[21m");
    expect("\x1b[1;1;1;1;1;1;1;1;1;1;38;2;1;2;3;4m", "\x1b[1;1;1;1;1;1;1;1;1;1m\x1b[38;2;1;2;3;4m");
}

static void test_strings(void **state) {
    (void)state;
    expect("\x1b]2;one\x07\x1b]0;two\x1b\\", "\x1b]2;one\x07\x1b]2;two\x07");
    expect("\x1b]52;c;?\x07\x1b]52;c;aGk=\x1b\\\x1b]4;1;?\x07\x1b]8;;http://x\x07link\x1b]8;;\x07", "link");
    expect("\x1b_apc\x1b\\\x1b^pm\x07still\x1b\\\x1bXsos\x1b\\\x1bkscreen\x1b\\.", ".");
    expect("\x1bP$qem\x1b\\.", "."); // a setting that 0.1.4 does not know
    expect("\x1bP$qm\x1b\\\x1bPq#0;2;0\x1b\\\x1bP$q\"q\x1b\\", "\x1bP$qm\x1b\\\x1bP$q\"q\x1b\\");
    expect("\x1b]2;lost\x18shown\x1b]2;cut\x1b[1m", "shown\x1b[1m");
}

// No number of parameters, length of a string or repetition gets out larger than its bound.
static void test_bounds(void **state) {
    (void)state;
    cleanup_buffer buffer in = BUFFER_INIT, out = BUFFER_INIT;
    buffer_append_text(&in, "\x1b[");
    for (int i = 0; i < 5000; i++)
        buffer_append_text(&in, i % 2 ? "1;" : "1:");
    buffer_append_text(&in, "m\x1b]2;");
    for (int i = 0; i < 5000; i++)
        buffer_append_text(&in, "\xc3\xa9");
    buffer_append_text(&in, "\x07x\x1b[9999b");
    filter(buffer_text(&in), in.length, in.length, &out);
    for (const char *at = buffer_text(&out); (at = strstr(at, "\x1b[")); at += 2) {
        unsigned parameters = 1;
        for (const char *c = at + 2; (*c >= '0' && *c <= '9') || *c == ';' || *c == ':'; c++)
            parameters += *c == ';' || *c == ':';
        assert_true(parameters <= 16);
    }
    const char *title = strstr(buffer_text(&out), "\x1b]2;"), *end = strchr(title, 0x07);
    assert_in_range(end - title, 1000, TERMINAL_FILTER_TITLE + 4);
    assert_int_equal((end - title) % 2, 0); // whole characters
    assert_int_equal(strlen(end + 1), 81);
}

static void test_resize(void **state) {
    (void)state;
    cleanup_buffer buffer out = BUFFER_INIT;
    terminal_filter *self = malloc(sizeof *self);
    terminal_filter_init(self, 80, take, &out);
    terminal_filter_write(self, "\x1b[5;20r", 7);
    buffer_clear(&out);
    terminal_filter_resize(self, 10, -3, 4);
    assert_string_equal(buffer_text(&out), "\x1b[r\x1b[s\x1b[1;5H\x1b[0n");
    buffer_clear(&out);
    terminal_filter_resize(self, 20, 1, 1);
    assert_string_equal(buffer_text(&out), "\x1b[0n");
    free(self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),    cmocka_unit_test(test_sequences), cmocka_unit_test(test_graphics),
        cmocka_unit_test(test_strings), cmocka_unit_test(test_bounds),    cmocka_unit_test(test_resize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
