// The dashboard on the made-up backend: lists, actions and what they ask, by keys and mouse.
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/tui/screen/driver.h"

static void test_lists_and_tabs(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    driver_type(self, "j\r");
    driver_expect(self, " db ");
    driver_expect(self, "command     postgres");
    driver_type(self, "l");
    driver_expect(self, "following");
    driver_type(self, "\x1b");
    driver_expect(self, "NAME");
    driver_type(self, "2");
    driver_expect(self, "alpine:3.20");
    driver_type(self, "/debian\r");
    driver_expect(self, "1 of 4");
    driver_type(self, "\x1b");
    driver_expect_gone(self, "1 of 4");
    driver_type(self, "?");
    driver_expect(self, "keys that work here");
    driver_type(self, "\x1b");
    driver_expect_gone(self, "keys that work here");
    driver_quit(self);
}

static void test_actions(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "3 running");
    driver_type(self, "P80:x\r");
    driver_expect(self, "it needs [ADDRESS:]");
    driver_type(self, "\x15[::1]:8081:81/udp\r"); // it is still asked
    driver_expect_gone(self, "it needs [ADDRESS:]");
    driver_expect(self, "[::1]:8081\u219281/udp");
    driver_type(self, "u");
    driver_expect(self, "127.0.0.1:8080->80");
    driver_type(self, "8081\r");
    driver_expect_gone(self, "8081"); // neither the choice nor the port
    driver_type(self, "u");
    driver_expect(self, "127.0.0.1:8080->80");
    assert_false(driver_shows(self, "8081"));
    driver_type(self, "\x1b");
    driver_expect_gone(self, "127.0.0.1:8080->80");
    driver_type(self, "bhere:there\r");
    driver_expect(self, "that is not SOURCE:PATH");
    driver_type(self, "\x15/host/one:/inside/one:ro\r");
    driver_expect_gone(self, "that is not SOURCE:PATH");
    driver_expect(self, "/host/one\u2192/inside/one");
    driver_type(self, "b/host/two:/inside/two\r");
    driver_expect(self, "/host/two\u2192/inside/two");
    driver_type(self, "B");
    driver_expect(self, "/inside/two");
    driver_type(self, "two\r");
    driver_expect_gone(self, "/inside/two");
    driver_expect(self, "/host/one\u2192/inside/one");
    driver_type(self, "s");
    driver_expect(self, "2 running");
    driver_expect(self, "signal TERM");
    driver_type(self, "d");
    driver_expect(self, "Lost: its writable layer");
    driver_type(self, "y");
    driver_expect_gone(self, "Lost:");
    driver_type(self, ":delete old\r");
    driver_expect(self, "old  (alpine:3.20)");
    driver_type(self, "n");
    driver_expect_gone(self, "Lost:");
    driver_type(self, "pbusybox\r");
    driver_expect(self, "pull busybox: done");
    driver_quit(self);
}

// A name is what it says, even where another's id begins like that.
static void test_references(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "3 running");
    driver_type(self, "jR\x15"
                      "a0\r"); // db is called as web's id begins
    driver_expect(self, "a0 ");
    driver_type(self, ":delete a0\r");
    driver_expect(self, "a0  (postgres:16)");
    driver_type(self, "n");
    driver_expect_gone(self, "Lost:");
    driver_type(self, ":delete a2\r"); // the id of build
    driver_expect(self, "build  (debian:12)");
    driver_type(self, "n");
    driver_expect_gone(self, "Lost:");
    driver_quit(self);
}

// The palette knows names, and what was typed before, also at an earlier start.
static void test_palette(void **state) {
    (void)state;
    char data[] = "/tmp/holm-screen.XXXXXX", folder[64], file[64];
    assert_non_null(mkdtemp(data));
    snprintf(folder, sizeof(folder), "HOLM_FAKE_DATA=%s", data);
    const char *environment[] = {"HOLM_FAKE_STILL=1", folder, NULL};
    driver *self = driver_start_dashboard(120, 30, environment);
    driver_expect(self, "3 running");
    driver_type(self, ":");
    driver_expect(self, "container open"); // what can be done here comes first
    driver_type(self, "start o");          // of those that do not run
    driver_expect(self, "old");
    driver_type(self, "\t");
    driver_expect(self, ": start old");
    driver_type(self, "\x15logs bui\t\r"); // what is looked at is selected
    driver_expect(self, " build ");
    driver_expect(self, "following");
    driver_type(self, "/ready\r/worker\r/\r"); // a search begins anew; for nothing it goes on
    driver_expect(self, " worker: 10 lines ");
    driver_type(self, "\x1b");
    driver_expect_gone(self, "f follow");
    driver_type(self, ":");
    driver_expect(self, "container open");
    driver_type(self, "\x15"
                      "cont del b\t\r");
    driver_expect(self, "build  (debian:12)");
    driver_type(self, "n");
    driver_expect_gone(self, "Lost:");
    driver_type(self, ":pull zzz/new\r"); // an action about no thing asks, with the answer
    driver_expect(self, "> zzz/new");
    driver_type(self, "\x03");
    driver_expect_gone(self, "> zzz/new");
    driver_type(self, ":zzz");
    driver_expect(self, "nothing matches");
    driver_type(self, "\x03");
    driver_expect_gone(self, "nothing matches");
    driver_quit(self);
    self = driver_start_dashboard(120, 30, environment);
    driver_expect(self, "3 running");
    driver_type(self, ":\x1b[A");
    driver_expect(self, ": pull zzz/new");
    driver_type(self, "\x1b[A");
    driver_expect(self, ": cont del build");
    driver_type(self, "\x1b[B");
    driver_expect(self, ": pull zzz/new");
    driver_type(self, "\x1b[B");
    driver_expect_gone(self, "zzz/new");
    driver_type(self, "\x03");
    driver_expect(self, "? help");
    driver_quit(self);
    static const char *const files[] = {"dashboard.json", "history-command"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(file, sizeof(file), "%s/%s", data, files[i]);
        unlink(file);
    }
    assert_int_equal(rmdir(data), 0);
}

// It comes back by itself, its lists and what it watches.
static void test_lost(void **state) {
    (void)state;
    char file[] = "/tmp/holm-lost.XXXXXX", variable[64];
    close(mkstemp(file));
    snprintf(variable, sizeof(variable), "HOLM_FAKE_LOST=%s", file);
    driver *self = driver_start_dashboard(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", variable, NULL});
    driver_expect(self, "the database does not answer");
    unlink(file);
    driver_expect(self, "postgres:16");
    driver_expect_gone(self, "does not answer");
    driver_type(self, "s");
    driver_expect(self, "2 running"); // told by an event
    driver_quit(self);
}

static void test_read_only(void **state) {
    (void)state;
    driver *self =
        driver_start_dashboard(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_READ_ONLY=1", NULL});
    driver_expect(self, "read-only");
    driver_expect(self, "postgres:16");
    driver_type(self, "A"); // what is typed into a console is no mere look
    driver_expect(self, "consoles again changes something");
    driver_expect_gone(self, "d delete"); // what cannot be done is not offered
    driver_type(self, "s");
    driver_expect(self, "stop changes something");
    driver_type(self, ":delete");
    driver_expect(self, "container changes"); // for what its sentence says
    assert_false(driver_shows(self, "container delete"));
    driver_type(self, "\x03");
    driver_expect_gone(self, "container changes");
    driver_expect(self, "3 running");
    driver_quit(self);
}

// Tab goes on with what is known here, and then with the tags that the registry has.
static void test_pull_completion(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "3 running");
    driver_type(self, "pngi\t");
    driver_expect(self, "> nginx");
    driver_type(self, "\x15zzz/debian\t");
    driver_expect(self, "> zzz/debian:");
    driver_expect(self, "12-slim");
    driver_type(self, "q\t");
    driver_expect(self, "nothing begins like that");
    driver_type(self, "\x7f"
                      "12-\t");
    driver_expect(self, "> zzz/debian:12-slim");
    driver_expect_gone(self, "sid");
    driver_type(self, "\r");
    driver_expect(self, "pull zzz/debian:12-slim: done");
    driver_quit(self);
}

// A pull is paused, goes on, and what it has brought is run by one key from anywhere.
static void test_pull(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "3 running");
    driver_type(self, "pzzz/new\r5");
    driver_expect(self, " left");
    driver_type(self, "s");
    driver_expect(self, "pull zzz/new: paused");
    driver_type(self, "s");
    driver_expect_gone(self, "paused");
    driver_expect(self, "pull zzz/new: done; ctrl-r runs it");
    driver_type(self, "1\x12");
    driver_expect(self, "holm run -it zzz/new");
    driver_type(self, "\x03");
    driver_expect_gone(self, "the same as");
    driver_quit(self);
}

// Whoever is started while merged logs are looked at joins them.
static void test_merged(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "3 running");
    driver_type(self, "l\r+");
    driver_expect(self, "3 logs");
    driver_type(self, ":start old\r");
    driver_expect(self, "4 logs");
    driver_quit(self);
}

// What is copied: base64 of it is on its way to the terminal.
static void test_copy(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "3 running");
    driver_type(self, "l\r");
    driver_expect(self, "40 lines, following");
    driver_type(self, "kc");
    driver_expect(self, "the line is on the clipboard");
    driver_expect_bytes(self, "\x1b]52;c;d29ya2VyIHByb2Nlc3MgNyBleGl0ZWQgd2l0aCBjb2RlIDA=\a");
    driver_type(self, "MkMc");
    driver_expect(self, "2 lines are on the clipboard");
    driver_type(self, "\x1b");
    driver_expect(self, "q quit");
    driver_type(self, "i");
    driver_expect(self, "\"configuration\": {");
    driver_type(self, "c");
    driver_expect(self, "all of it is on the clipboard");
    driver_quit(self);
}

static void test_commands(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(
        140, 40,
        (const char *[]){"HOLM_FAKE_STILL=1",
                         "HOLM_FAKE_COMMANDS=[{\"name\":\"greet\",\"key\":\"W\",\"context\":\"container\","
                         "\"run\":[\"echo\",\"hello\",{\"name\":\"name\",\"field\":\"configuration.name\"},"
                         "{\"name\":\"word\",\"ask\":\"word\"}],\"ask\":[\"word\"],\"confirm\":true,"
                         "\"output\":\"pane\",\"origin\":\"f:1\"}]",
                         NULL});
    driver_expect(self, "nginx:1.27");
    driver_type(self, "  "); // marks the first two
    driver_expect(self, "2");
    driver_type(self, "Yhello");
    driver_expect(self, "echo hello web");
    driver_type(self, "\x03");
    driver_expect_gone(self, "copy a command");
    driver_type(self, "Wa b\r");
    driver_expect(self, "echo hello web 'a b'");
    driver_expect(self, "echo hello db 'a b'");
    driver_type(self, "y");
    driver_expect(self, "greet web");
    driver_expect(self, "greet db");
    driver_expect(self, "hello db a b");
    driver_quit(self);
}

static void test_mouse(void **state) {
    (void)state;
    char data[] = "/tmp/holm-screen.XXXXXX", folder[64], file[64];
    assert_non_null(mkdtemp(data));
    snprintf(folder, sizeof(folder), "HOLM_FAKE_DATA=%s", data);
    snprintf(file, sizeof(file), "%s/dashboard.json", data);
    const char *environment[] = {"HOLM_FAKE_STILL=1", folder, NULL};
    driver *self = driver_start_dashboard(140, 40, environment);
    driver_expect(self, "postgres:16");
    driver_mouse(self, 2, 10, 5, true); // the second container
    driver_mouse(self, 2, 10, 5, false);
    driver_expect(self, "consoles again");
    driver_mouse(self, 0, 14, 6, true); // open
    driver_mouse(self, 0, 14, 6, false);
    driver_expect(self, "command     postgres");
    driver_expect_gone(self, "consoles again");
    driver_expect_gone(self, "NET in / out");
    driver_mouse(self, 0, 64, 20, true); // the line between lists and detail
    driver_mouse(self, 32, 80, 20, true);
    driver_mouse(self, 0, 90, 20, false);
    driver_expect(self, "NET in / out");
    driver_quit(self);
    self = driver_start_dashboard(140, 40, environment);
    driver_expect(self, "NET in / out"); // as it was left
    driver_quit(self);
    unlink(file);
    assert_int_equal(rmdir(data), 0);
}

static void test_mark_range(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(
        140, 40, (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_CONTAINERS=12", NULL});
    driver_expect(self, "app-10");
    driver_type(self, "j "); // the second; the third is selected then
    driver_expect(self, "▌1");
    driver_type(self, "jjV");
    driver_expect(self, "▌4");
    driver_type(self, "kkkkkV"); // from the last one on, upwards
    driver_expect(self, "▌5");
    driver_quit(self);
}

// What makes no sense is asked again, with what was typed, and its reason is readable on a narrow screen,
// too.
static void test_wrong_answer(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(46, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "web");
    driver_type(self, "P99999:80\r");
    driver_expect(self, "it needs [ADDRESS:]");
    driver_expect(self, "> 99999:80");
    driver_type(self, "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f"
                      "9:80\r");
    driver_expect(self, "web: published");
    driver_type(self, "l@soon\r");
    driver_expect(self, "> soon");
    driver_expect(self, "2026-11-22T13:00:00Z"); // the end of it
    driver_type(self, "\x15\r");
    driver_expect_gone(self, "lines since");
    driver_quit(self);
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_and_tabs),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_palette),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_pull_completion),
        cmocka_unit_test(test_pull),
        cmocka_unit_test(test_merged),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_mouse),
        cmocka_unit_test(test_mark_range),
        cmocka_unit_test(test_wrong_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
