// The dashboard in terminals of all kinds and sizes: its cells as libvterm reads them, its bytes, and the
// terminal as it leaves it, however it ends.
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/tui/screen/driver.h"

static void test_plain(void **state) {
    (void)state;
    driver *self =
        driver_start_dashboard(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_PLAIN=1", NULL});
    driver_expect(self, "db, running, image postgres:16");
    driver_type(self, "s"); // stops the first one
    driver_expect(self, "holm: 2 running");
    driver_expect(self, "web, exited");
    driver_expect(self, "container made-up: change");
    driver_type(self, "g\r");
    driver_expect(self, "db, overview, tab 1 of 7");
    driver_type(self, "d");
    driver_expect(self, "Lost: its writable layer");
    driver_type(self, "n");
    driver_expect_gone(self, "Lost:");
    // No frames, blocks or braille: of all that, nothing was ever written (U+2500 to U+28FF).
    assert_null(strstr(self->stream, "\xe2\x94"));
    assert_null(strstr(self->stream, "\xe2\x95"));
    assert_null(strstr(self->stream, "\xe2\x96"));
    assert_null(strstr(self->stream, "\xe2\xa1"));
    driver_quit(self);
}

static void test_sizes(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    static const int sizes[][2] = {{1, 1},   {200, 60}, {40, 12}, {3, 50},
                                   {300, 2}, {140, 40}, {20, 5},  {1, 100}};
    for (int round = 0; round < 5; round++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            driver_resize(self, sizes[i][0], sizes[i][1]);
    driver_resize(self, 140, 40);
    driver_expect(self, "2 images");
    driver_expect(self, "nothing under way");
    driver_resize(self, 10, 3);
    driver_expect(self, "too small");
    driver_quit(self);
}

static void test_terminals(void **state) {
    (void)state;
    driver *self =
        driver_start_dashboard(80, 24, (const char *[]){"TERM=no-such-terminal", "HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    driver_quit(self);
    self = driver_start_dashboard(80, 24, (const char *[]){"NO_COLOR=1", "HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    assert_null(strstr(self->stream, "[38;5"));
    assert_null(strstr(self->stream, "[3"
                                     "1m"));
    driver_quit(self);
    self = driver_start_dashboard(80, 24, (const char *[]){"LC_ALL=C", "HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    for (size_t i = 0; i < self->length; i++)
        assert_true((unsigned char)self->stream[i] < 0x80);
    driver_quit(self);
    self = driver_start_dashboard(80, 24, (const char *[]){"TERM=vt100", "HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    driver_type(self, "q");
    assert_int_equal(driver_wait(self, false), 0);
    driver_stop(self);
}

// With an entry that says so, colours are red-green-blue; with 16 they are of the palette.
static void test_colors(void **state) {
    (void)state;
    static const char entries[] =
        "xterm-direct|made for a test,RGB,colors#0x1000000,pairs#0x7fff,"
        "setaf=\\E[%?%p1%{8}%<%t3%p1%d%e38:2::%p1%{65536}%/%d:%p1%{256}%/%{255}%&%d:%p1%{255}%&%d%;m,"
        "setab=\\E[%?%p1%{8}%<%t4%p1%d%e48:2::%p1%{65536}%/%d:%p1%{256}%/%{255}%&%d:%p1%{255}%&%d%;m,"
        "use=xterm-256color,\n"
        "xterm-16color|made for a test,colors#16,pairs#256,"
        "setaf=\\E[%?%p1%{8}%<%t3%p1%d%e9%p1%{8}%-%d%;m,setab=\\E[%?%p1%{8}%<%t4%p1%d%e10%p1%{8}%-%d%;m,"
        "use=xterm-256color,\n";
    char folder[] = "/tmp/holm-terminfo.XXXXXX", place[64], command[96];
    assert_non_null(mkdtemp(folder));
    snprintf(place, sizeof(place), "TERMINFO=%s", folder);
    snprintf(command, sizeof(command), "tic -x -o %s - 2>/dev/null", folder);
    FILE *tic = popen(command, "w");
    assert_non_null(tic);
    fputs(entries, tic);
    assert_int_equal(pclose(tic), 0);
    driver *self = driver_start_dashboard(
        80, 24, (const char *[]){"COLORTERM=truecolor", place, "HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16"); // xterm-256color, and what COLORTERM says has an entry
    assert_non_null(strstr(self->stream, "[38:2::"));
    driver_quit(self);
    self = driver_start_dashboard(80, 24,
                                  (const char *[]){"TERM=xterm-16color", place, "HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    assert_null(strstr(self->stream, "38:2"));
    assert_null(strstr(self->stream, "38;5"));
    assert_non_null(strstr(self->stream, "[32m")); // what runs is green
    driver_quit(self);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void test_crash(void **state) {
    (void)state;
    static const int numbers[] = {SIGSEGV, SIGABRT, SIGBUS};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        driver *self = driver_start_dashboard(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
        driver_expect(self, "postgres:16");
        kill(self->pid, numbers[i]);
        int status = driver_wait(self, false);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), numbers[i]);
        assert_true(driver_modes_restored(self));
        const char *left = strstr(self->stream, DRIVER_LEAVE_SCREEN);
        assert_non_null(left);
        assert_non_null(strstr(left, "holm: the dashboard crashed")); // reported where it can be read
        driver_stop(self);
    }
}

static void test_kill(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    driver_type(self, "?"); // so that a frame after the first is out, too
    driver_expect(self, "keys that work here");
    kill(self->pid, SIGKILL);
    int status = driver_wait(self, false);
    assert_true(WIFSIGNALED(status));
    driver_expect(self, "holm: the dashboard was killed");
    assert_true(driver_modes_restored(self));
    assert_non_null(strstr(self->stream, DRIVER_LEAVE_SCREEN));
    driver_stop(self);
}

static void test_signals(void **state) {
    (void)state;
    static const int numbers[] = {SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        driver *self = driver_start_dashboard(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
        driver_expect(self, "postgres:16");
        kill(self->pid, numbers[i]);
        int status = driver_wait(self, false);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 128 + numbers[i]);
        assert_true(driver_modes_restored(self));
        assert_non_null(strstr(self->stream, DRIVER_LEAVE_SCREEN));
        driver_stop(self);
    }
}

static void test_suspend(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    driver_type(self, "\x1a");
    assert_true(WIFSTOPPED(driver_wait(self, true)));
    assert_true(driver_modes_restored(self));
    assert_non_null(strstr(self->stream, DRIVER_LEAVE_SCREEN));
    kill(self->pid, SIGCONT);
    driver_type(self, "2");
    driver_expect(self, "debian:12");
    assert_false(driver_modes_restored(self));
    driver_quit(self);
}

static void test_quiet(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    driver_listen(self, 300);
    assert_int_equal(driver_listen(self, 1500), 0);
    driver_quit(self);
}

static void test_empty(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(80, 24, (const char *[]){"HOLM_FAKE_EMPTY=1", NULL});
    driver_expect(self, "Welcome to holm.");
    driver_type(self, "jkgGsSredli\x1b[5~\r:zzz\r\x03/x\r?\x03"
                      "2jk\rid5jkd");
    driver_expect(self, "0 of 0");
    driver_expect(self, "Welcome to holm.");
    driver_quit(self);
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_sizes),   cmocka_unit_test(test_terminals),
        cmocka_unit_test(test_colors),  cmocka_unit_test(test_crash),   cmocka_unit_test(test_kill),
        cmocka_unit_test(test_signals), cmocka_unit_test(test_suspend), cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
