// Consoles in the dashboard: keys to the program and its cells back, two side by side, again at the next
// start; what is hostile reaches the terminal as cells only.
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

static void test_console(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(
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
    driver_quit(self);
}

static void test_split(void **state) {
    (void)state;
    driver *self =
        driver_start_dashboard(160, 30, (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_SHELL=sh", NULL});
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
    driver_type(self, "\r"); // the other one goes on
    driver_expect_gone(self, "ended with 0");
    driver_type(self, "echo only $(stty size)\r");
    driver_expect(self, "only 26 ");
    driver_type(self, "\x10\x11");
    driver_expect(self, "? help");
    driver_quit(self);
}

// Two consoles side by side are so again at the next start.
static void test_reopen(void **state) {
    (void)state;
    char data[] = "/tmp/holm-screen.XXXXXX", folder[64], file[64];
    assert_non_null(mkdtemp(data));
    snprintf(folder, sizeof(folder), "HOLM_FAKE_DATA=%s", data);
    snprintf(file, sizeof(file), "%s/dashboard.json", data);
    const char *environment[] = {"HOLM_FAKE_STILL=1", "HOLM_FAKE_SHELL=sh", folder, NULL};
    driver *self = driver_start_dashboard(160, 30, environment);
    driver_expect(self, "nginx:1.27");
    driver_type(self, "je"); // db
    driver_expect(self, "ctrl-p ctrl-q");
    driver_expect(self, "shell-1");
    driver_type(self, "\x10|");
    driver_expect(self, "shell-2");
    driver_type(self, "\x10\x11");
    driver_expect(self, "? help");
    driver_quit(self);
    self = driver_start_dashboard(160, 30, environment);
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
    self = driver_start_dashboard(160, 30, environment);
    driver_expect(self, "one only"); // and has them again
    driver_type(self, "\x10\x11");
    driver_expect(self, "? help");
    driver_quit(self);
    unlink(file);
    assert_int_equal(rmdir(data), 0);
}

// What a container writes reaches the terminal as cells only.
static void test_hostile_console(void **state) {
    (void)state;
    static const char shell[] =
        "HOLM_FAKE_SHELL=printf '\\033]52;c;ZXZpbA==\\007\\033]0;evil\\007\\033P+q544e\\033\\\\\\033[?1003h"
        "\\033]8;;http://evil\\033\\\\link\\033[21t\\033[5i\\033c\\033#8safe'; sleep 600";
    driver *self = driver_start_dashboard(120, 30, (const char *[]){"HOLM_FAKE_STILL=1", shell, NULL});
    driver_expect(self, "nginx:1.27");
    driver_type(self, "e");
    driver_expect(self, "safe");
    static const char *const forbidden[] = {"]52;",        "\x1b]0;",  "\x1b]2;", "\x1bP", "?1003h",
                                            "http://evil", "\x1b[21t", "\x1b[5i", "\033c", "\x1b#8"};
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
        assert_null(strstr(self->stream, forbidden[i]));
    driver_type(self, "\x10\x11");
    driver_expect(self, "? help");
    driver_quit(self);
}

// What is typed on while a console ends is for nobody: not for the list, nor for the container that is next
// in it.
static void test_typed_on(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(
        120, 30, (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_SHELL=read line; exit 3", NULL});
    driver_expect(self, "nginx:1.27");
    driver_type(self, "e");
    driver_expect(self, "ctrl-p ctrl-q");
    driver_type(self, "\r");
    driver_expect(self, "ended with 3");
    driver_type(self, "dy:qb");
    driver_expect(self, "leaves it, it has ended");
    driver_type(self, "\x10\x11");
    driver_expect(self, "? help");
    assert_true(driver_shows(self, "web"));
    driver_type(self, "e"); // another, of a container that goes
    driver_expect(self, "ctrl-p ctrl-q");
    kill(self->pid, SIGUSR2);
    driver_expect(self, "web is gone");
    driver_type(self, "dy:qb");
    driver_expect(self, "its console has ended");
    driver_type(self, "\r");
    driver_expect_gone(self, "is gone");
    driver_expect(self, "postgres:16");
    driver_type(self, "0"); // in the detail of what goes
    driver_expect(self, "esc back");
    kill(self->pid, SIGUSR2);
    driver_expect(self, "db is gone");
    driver_type(self, "j");
    driver_expect_gone(self, "db is gone");
    assert_false(driver_shows(self, "esc back"));
    driver_quit(self);
}

// The wheel over a console that does not have the keys looks back in it.
static void test_wheel_beside(void **state) {
    (void)state;
    driver *self = driver_start_dashboard(
        140, 40, (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_SHELL=seq -f 'row %g.' 200; cat", NULL});
    driver_expect(self, "postgres:16");
    driver_type(self, "a");
    driver_expect(self, "row 200.");
    driver_type(self, "\x10\x11"); // leave it
    driver_expect(self, "? help");
    assert_false(driver_shows(self, "row 140."));
    for (int i = 0; i < 10; i++)
        driver_mouse(self, 64, 100, 20, true);
    driver_expect(self, "row 140.");
    driver_quit(self);
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_console),      cmocka_unit_test(test_split),
        cmocka_unit_test(test_reopen),       cmocka_unit_test(test_hostile_console),
        cmocka_unit_test(test_wheel_beside), cmocka_unit_test(test_typed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
