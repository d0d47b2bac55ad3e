// What the logs tab shows: several logs in the order of time, filter, search, marks; memory stays bounded.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/holm.h"
#include "tui/log_view.h"

static void add(ui_logs *logs, unsigned source, int64_t time, const char *text) {
    log_buffer_add(&logs->lines, source, time, 1, text, strlen(text), false);
}

static const char *shown(const ui_logs *logs, size_t back) {
    size_t index = log_view_index(logs, back);
    return index == LOG_VIEW_NONE ? "" : log_buffer_at(&logs->lines, index)->text;
}

static void test_order(void **state) {
    (void)state;
    ui_logs logs = {.follow = true};
    add(&logs, 0, 10, "a10");
    add(&logs, 0, 30, "a30");
    add(&logs, 0, 50, "a50");
    add(&logs, 1, 5, "b5");
    add(&logs, 1, 30, "b30");
    add(&logs, 1, 60, "b60");
    static const char *const wanted[] = {"b60", "a50", "b30", "a30", "a10", "b5"};
    for (size_t i = 0; i < array_length(wanted); i++)
        assert_string_equal(shown(&logs, i), wanted[i]);
    // The pieces of one line belong to one log.
    log_buffer_add(&logs.lines, 0, 70, 1, "one ", 4, true);
    log_buffer_add(&logs.lines, 1, 70, 1, "other", 5, false);
    assert_string_equal(shown(&logs, 0), "other");
    log_buffer_finish(&logs.lines);
}

static void test_filter(void **state) {
    (void)state;
    ui_logs logs = {.follow = true};
    char text[32];
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "%s %d", i % 10 ? "GET" : "Error", i);
        add(&logs, 0, i, text);
    }
    strcpy(logs.search, "error");
    assert_int_equal(log_view_total(&logs), 100);
    assert_int_equal(log_view_matches(&logs), 10);
    strcpy(logs.filter, "error");
    assert_int_equal(log_view_total(&logs), 10);
    assert_string_equal(shown(&logs, 1), "Error 80");
    assert_string_equal(shown(&logs, 10), "");
    log_view_scroll(&logs, -3);
    assert_false(logs.follow);
    assert_string_equal(shown(&logs, logs.back), "Error 60");
    log_view_scroll(&logs, 100);
    assert_true(logs.follow);
    strcpy(logs.filter, "!error");
    assert_int_equal(log_view_total(&logs), 90);
    assert_int_equal(log_view_matches(&logs), 0);
    assert_false(log_view_go(&logs, log_view_found, 1));
    log_buffer_finish(&logs.lines);
}

static void test_marks(void **state) {
    (void)state;
    ui_logs logs = {.follow = true};
    char text[32];
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof(text), "line %d", i);
        add(&logs, 0, i, text);
    }
    assert_false(log_view_go(&logs, log_view_marked, -1));
    log_buffer_at(&logs.lines, 20)->marked = true;
    log_buffer_at(&logs.lines, 40)->marked = true;
    assert_true(log_view_go(&logs, log_view_marked, -1));
    assert_string_equal(shown(&logs, logs.back), "line 40");
    assert_true(log_view_go(&logs, log_view_marked, -1));
    assert_string_equal(shown(&logs, logs.back), "line 20");
    assert_true(log_view_go(&logs, log_view_marked, -1)); // around the end
    assert_string_equal(shown(&logs, logs.back), "line 40");
    log_buffer_finish(&logs.lines);
}

// A log that is behind all others, in a buffer that is full.
static void test_bound(void **state) {
    (void)state;
    ui_logs logs = {.follow = true};
    char text[300];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    for (int i = 0; i < 3 * LOG_BUFFER_LINES; i++)
        add(&logs, (unsigned)(i % 2), i % 2 ? i : i - 7, text);
    assert_in_range(logs.lines.count, 1000, LOG_BUFFER_LINES);
    assert_in_range(logs.lines.bytes, 1, LOG_BUFFER_BYTES);
    for (size_t i = 1; i < logs.lines.count; i++)
        assert_true(log_buffer_at(&logs.lines, i - 1)->unix_ns <= log_buffer_at(&logs.lines, i)->unix_ns);
    log_buffer_finish(&logs.lines);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_filter),
                                       cmocka_unit_test(test_marks), cmocka_unit_test(test_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
