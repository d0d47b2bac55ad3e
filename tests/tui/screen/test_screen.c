// The dashboard in a terminal, on the made-up backend: its cells as libvterm reads them, its bytes, and the
// terminal as it leaves it.
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/tui/screen/driver.h"

#define LEAVE_SCREEN "\x1b[?1049l"

static driver *start(int columns, int rows, const char *const *environment) {
    return driver_start(HOLM_FAKE, columns, rows, environment);
}

static void finish(driver *self) {
    driver_type(self, "q");
    int status = driver_wait(self, false);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(driver_modes_restored(self));
    assert_non_null(strstr(self->stream, LEAVE_SCREEN));
    driver_stop(self);
}

static void test_lists_and_tabs(void **state) {
    (void)state;
    driver *self = start(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
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
    finish(self);
}

static void test_actions(void **state) {
    (void)state;
    driver *self = start(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "3 running");
    driver_type(self, "P80:x\r");
    driver_expect(self, "it needs [ADDRESS:]");
    driver_type(self, "P[::1]:8081:81/udp\r");
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
    driver_type(self, "b/host/one:/inside/one:ro\r");
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
    finish(self);
}

// A name is what it says, even where another's id begins like that.
static void test_references(void **state) {
    (void)state;
    driver *self = start(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
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
    finish(self);
}

// The palette knows names, and what was typed before, also at an earlier start.
static void test_palette(void **state) {
    (void)state;
    char data[] = "/tmp/holm-screen.XXXXXX", folder[64], file[64];
    assert_non_null(mkdtemp(data));
    snprintf(folder, sizeof(folder), "HOLM_FAKE_DATA=%s", data);
    const char *environment[] = {"HOLM_FAKE_STILL=1", folder, NULL};
    driver *self = start(120, 30, environment);
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
    finish(self);
    self = start(120, 30, environment);
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
    finish(self);
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
    driver *self = start(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", variable, NULL});
    driver_expect(self, "the database does not answer");
    unlink(file);
    driver_expect(self, "postgres:16");
    driver_expect_gone(self, "does not answer");
    driver_type(self, "s");
    driver_expect(self, "2 running"); // told by an event
    finish(self);
}

static void test_read_only(void **state) {
    (void)state;
    driver *self = start(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_READ_ONLY=1", NULL});
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
    finish(self);
}

// Tab goes on with what is known here, and then with the tags that the registry has.
static void test_pull_completion(void **state) {
    (void)state;
    driver *self = start(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
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
    finish(self);
}

// A pull is paused, goes on, and what it has brought is run by one key from anywhere.
static void test_pull(void **state) {
    (void)state;
    driver *self = start(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
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
    finish(self);
}

// Whoever is started while merged logs are looked at joins them.
static void test_merged(void **state) {
    (void)state;
    driver *self = start(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "3 running");
    driver_type(self, "l\r+");
    driver_expect(self, "3 logs");
    driver_type(self, ":start old\r");
    driver_expect(self, "4 logs");
    finish(self);
}

// What is copied: base64 of it is on its way to the terminal.
static void test_copy(void **state) {
    (void)state;
    driver *self = start(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
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
    finish(self);
}

static void test_console(void **state) {
    (void)state;
    driver *self = start(
        120, 30,
        (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_SHELL=stty raw -echo; printf ready; cat -v", NULL});
    driver_expect(self, "nginx:1.27");
    driver_type(self, "e");
    driver_expect(self, "ready");
    driver_type(self, "hello\x1b[Aq");
    driver_expect(self, "hello^[[Aq");
    // The first detach key is held back for a moment, not for good.
    driver_type(self, "\x10");
    driver_expect(self, "^P");
    driver_type(self, "\x10\x11");
    driver_expect(self, "? help");
    assert_true(driver_shows(self, "hello^[[Aq")); // it is still there
    driver_type(self, "\r");
    driver_expect(self, "ctrl-p ctrl-q");
    driver_type(self, "again");
    driver_expect(self, "^Pagain");
    driver_type(self, "\x10\x11");
    driver_expect(self, "? help");
    finish(self);
}

static void test_split(void **state) {
    (void)state;
    driver *self = start(160, 30, (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_SHELL=sh", NULL});
    driver_expect(self, "nginx:1.27");
    driver_type(self, "e");
    driver_expect(self, "ctrl-p ctrl-q");
    driver_type(self, "\x10|"); // no other one is open: a new shell
    driver_expect(self, "one only");
    driver_type(self, "echo right $(stty size)\r");
    driver_expect(self, "right 26 78");
    driver_type(self, "\x10\t");
    driver_type(self, "echo left $(stty size)\r");
    driver_expect(self, "left 26 78");
    assert_true(driver_shows(self, "right 26 78"));
    driver_type(self, "\x10\x1a"); // zoom
    driver_expect_gone(self, "right 26 78");
    driver_type(self, "echo wide $(stty size)\r");
    driver_expect(self, "wide 26 158");
    driver_type(self, "\x10\x1a");
    driver_expect(self, "right 26 78");
    driver_resize(self, 130, 30); // no room for two
    driver_expect_gone(self, "right 26 78");
    driver_resize(self, 160, 30);
    driver_expect(self, "right 26 78");
    driver_type(self, "exit\r");
    driver_expect(self, "ended with 0");
    driver_type(self, "q"); // any key: the other one goes on
    driver_expect_gone(self, "ended with 0");
    driver_type(self, "echo only $(stty size)\r");
    driver_expect(self, "only 26 ");
    driver_type(self, "\x10\x11");
    driver_expect(self, "? help");
    finish(self);
}

// Two consoles side by side are so again at the next start.
static void test_reopen(void **state) {
    (void)state;
    char data[] = "/tmp/holm-screen.XXXXXX", folder[64], file[64];
    assert_non_null(mkdtemp(data));
    snprintf(folder, sizeof(folder), "HOLM_FAKE_DATA=%s", data);
    snprintf(file, sizeof(file), "%s/dashboard.json", data);
    const char *environment[] = {"HOLM_FAKE_STILL=1", "HOLM_FAKE_SHELL=sh", folder, NULL};
    driver *self = start(160, 30, environment);
    driver_expect(self, "nginx:1.27");
    driver_type(self, "je"); // db
    driver_expect(self, "ctrl-p ctrl-q");
    driver_expect(self, "shell-1");
    driver_type(self, "\x10|");
    driver_expect(self, "shell-2");
    driver_type(self, "\x10\x11");
    driver_expect(self, "? help");
    finish(self);
    self = start(160, 30, environment);
    driver_expect(self, "shell-2"); // the one used last, of what was selected
    driver_type(self, "\r");
    driver_expect(self, "one only");
    driver_expect(self, "shell-1");
    driver_expect(self, "shell-2");
    driver_type(self, "echo right $(stty size)\r");
    driver_expect(self, "right 26 78");
    kill(self->pid, SIGHUP); // the line is lost while a console has the keys
    assert_int_equal(WEXITSTATUS(driver_wait(self, false)), 128 + SIGHUP);
    driver_stop(self);
    self = start(160, 30, environment);
    driver_expect(self, "one only"); // and has them again
    driver_type(self, "\x10\x11");
    driver_expect(self, "? help");
    finish(self);
    unlink(file);
    assert_int_equal(rmdir(data), 0);
}

static void test_commands(void **state) {
    (void)state;
    driver *self = start(
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
    finish(self);
}

static void test_plain(void **state) {
    (void)state;
    driver *self = start(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_PLAIN=1", NULL});
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
    finish(self);
}

// What a container writes reaches the terminal as cells only.
static void test_hostile_console(void **state) {
    (void)state;
    static const char shell[] =
        "HOLM_FAKE_SHELL=printf '\\033]52;c;ZXZpbA==\\007\\033]0;evil\\007\\033P+q544e\\033\\\\\\033[?1003h"
        "\\033]8;;http://evil\\033\\\\link\\033[21t\\033[5i\\033c\\033#8safe'; sleep 600";
    driver *self = start(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", shell, NULL});
    driver_expect(self, "nginx:1.27");
    driver_type(self, "e");
    driver_expect(self, "safe");
    static const char *const forbidden[] = {"]52;",        "\x1b]0;",  "\x1b]2;", "\x1bP", "?1003h",
                                            "http://evil", "\x1b[21t", "\x1b[5i", "\033c", "\x1b#8"};
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
        assert_null(strstr(self->stream, forbidden[i]));
    driver_type(self, "\x10\x11");
    driver_expect(self, "? help");
    finish(self);
}

static void test_sizes(void **state) {
    (void)state;
    driver *self = start(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
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
    finish(self);
}

static void test_terminals(void **state) {
    (void)state;
    driver *self = start(80, 24, (const char *[]){"TERM=no-such-terminal", "HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    finish(self);
    self = start(80, 24, (const char *[]){"NO_COLOR=1", "HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    assert_null(strstr(self->stream, "[38;5"));
    assert_null(strstr(self->stream, "[3"
                                     "1m"));
    finish(self);
    self = start(80, 24, (const char *[]){"LC_ALL=C", "HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    for (size_t i = 0; i < self->length; i++)
        assert_true((unsigned char)self->stream[i] < 0x80);
    finish(self);
    self = start(80, 24, (const char *[]){"TERM=vt100", "HOLM_FAKE_STILL=1", NULL});
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
    driver *self = start(80, 24, (const char *[]){"COLORTERM=truecolor", place, "HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16"); // xterm-256color, and what COLORTERM says has an entry
    assert_non_null(strstr(self->stream, "[38:2::"));
    finish(self);
    self = start(80, 24, (const char *[]){"TERM=xterm-16color", place, "HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    assert_null(strstr(self->stream, "38:2"));
    assert_null(strstr(self->stream, "38;5"));
    assert_non_null(strstr(self->stream, "[32m")); // what runs is green
    finish(self);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void test_crash(void **state) {
    (void)state;
    static const int numbers[] = {SIGSEGV, SIGABRT, SIGBUS};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        driver *self = start(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
        driver_expect(self, "postgres:16");
        kill(self->pid, numbers[i]);
        int status = driver_wait(self, false);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), numbers[i]);
        assert_true(driver_modes_restored(self));
        const char *left = strstr(self->stream, LEAVE_SCREEN);
        assert_non_null(left);
        assert_non_null(strstr(left, "holm: the dashboard crashed")); // reported where it can be read
        driver_stop(self);
    }
}

static void test_kill(void **state) {
    (void)state;
    driver *self = start(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    driver_type(self, "?"); // so that a frame after the first is out, too
    driver_expect(self, "keys that work here");
    kill(self->pid, SIGKILL);
    int status = driver_wait(self, false);
    assert_true(WIFSIGNALED(status));
    driver_expect(self, "holm: the dashboard was killed");
    assert_true(driver_modes_restored(self));
    assert_non_null(strstr(self->stream, LEAVE_SCREEN));
    driver_stop(self);
}

static void test_signals(void **state) {
    (void)state;
    static const int numbers[] = {SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        driver *self = start(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
        driver_expect(self, "postgres:16");
        kill(self->pid, numbers[i]);
        int status = driver_wait(self, false);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 128 + numbers[i]);
        assert_true(driver_modes_restored(self));
        assert_non_null(strstr(self->stream, LEAVE_SCREEN));
        driver_stop(self);
    }
}

static void test_suspend(void **state) {
    (void)state;
    driver *self = start(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    driver_type(self, "\x1a");
    assert_true(WIFSTOPPED(driver_wait(self, true)));
    assert_true(driver_modes_restored(self));
    assert_non_null(strstr(self->stream, LEAVE_SCREEN));
    kill(self->pid, SIGCONT);
    driver_type(self, "2");
    driver_expect(self, "debian:12");
    assert_false(driver_modes_restored(self));
    finish(self);
}

// SGR reports: the button, and the place from 1 on.
static void mouse(driver *self, int button, int x, int y, bool pressed) {
    char bytes[48];
    snprintf(bytes, sizeof(bytes), "\x1b[<%d;%d;%d%c", button, x, y, pressed ? 'M' : 'm');
    driver_type(self, bytes);
}

static void test_mouse(void **state) {
    (void)state;
    char data[] = "/tmp/holm-screen.XXXXXX", folder[64], file[64];
    assert_non_null(mkdtemp(data));
    snprintf(folder, sizeof(folder), "HOLM_FAKE_DATA=%s", data);
    snprintf(file, sizeof(file), "%s/dashboard.json", data);
    const char *environment[] = {"HOLM_FAKE_STILL=1", folder, NULL};
    driver *self = start(140, 40, environment);
    driver_expect(self, "postgres:16");
    mouse(self, 2, 10, 5, true); // the second container
    mouse(self, 2, 10, 5, false);
    driver_expect(self, "consoles again");
    mouse(self, 0, 14, 6, true); // open
    mouse(self, 0, 14, 6, false);
    driver_expect(self, "command     postgres");
    driver_expect_gone(self, "consoles again");
    driver_expect_gone(self, "NET in / out");
    mouse(self, 0, 64, 20, true); // the line between lists and detail
    mouse(self, 32, 80, 20, true);
    mouse(self, 0, 90, 20, false);
    driver_expect(self, "NET in / out");
    finish(self);
    self = start(140, 40, environment);
    driver_expect(self, "NET in / out"); // as it was left
    finish(self);
    unlink(file);
    assert_int_equal(rmdir(data), 0);
}

// The wheel over a console that does not have the keys looks back in it.
static void test_wheel_beside(void **state) {
    (void)state;
    driver *self = start(
        140, 40, (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_SHELL=seq -f 'row %g.' 200; cat", NULL});
    driver_expect(self, "postgres:16");
    driver_type(self, "a");
    driver_expect(self, "row 200.");
    driver_type(self, "\x10\x11"); // leave it
    driver_expect(self, "? help");
    assert_false(driver_shows(self, "row 140."));
    for (int i = 0; i < 10; i++)
        mouse(self, 64, 100, 20, true);
    driver_expect(self, "row 140.");
    finish(self);
}

static void test_mark_range(void **state) {
    (void)state;
    driver *self = start(140, 40, (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_CONTAINERS=12", NULL});
    driver_expect(self, "app-10");
    driver_type(self, "j "); // the second; the third is selected then
    driver_expect(self, "▌1");
    driver_type(self, "jjV");
    driver_expect(self, "▌4");
    driver_type(self, "kkkkkV"); // from the last one on, upwards
    driver_expect(self, "▌5");
    finish(self);
}

static void test_quiet(void **state) {
    (void)state;
    driver *self = start(80, 24, (const char *[]){"HOLM_FAKE_STILL=1", NULL});
    driver_expect(self, "postgres:16");
    driver_listen(self, 300);
    assert_int_equal(driver_listen(self, 1500), 0);
    finish(self);
}

static void test_empty(void **state) {
    (void)state;
    driver *self = start(80, 24, (const char *[]){"HOLM_FAKE_EMPTY=1", NULL});
    driver_expect(self, "Welcome to holm.");
    driver_type(self, "jkgGsSredli\x1b[5~\r:zzz\r\x03/x\r?\x03"
                      "2jk\rid5jkd");
    driver_expect(self, "0 of 0");
    driver_expect(self, "Welcome to holm.");
    finish(self);
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_and_tabs),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_pull_completion),
        cmocka_unit_test(test_console),
        cmocka_unit_test(test_hostile_console),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_terminals),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_kill),
        cmocka_unit_test(test_suspend),
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_mouse),
        cmocka_unit_test(test_wheel_beside),
        cmocka_unit_test(test_mark_range),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_palette),
        cmocka_unit_test(test_pull),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_merged),
        cmocka_unit_test(test_colors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
