// A program in a terminal of its own, whose screen is read through libvterm.
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "tui/terminal.h"

#define DRIVER_LEAVE_SCREEN "\x1b[?1049l"

typedef struct driver {
    pid_t pid;
    int fd;
    terminal *screen;
    struct termios before; ///< the terminal's modes before the program started
    char *stream;          ///< every byte it wrote
    size_t length, capacity;
    bool ended;
    int status; ///< of waitpid, once ended
} driver;

/// Starts `program` with this environment on top ("NAME=value", NULL-terminated).
driver *driver_start(const char *program, int columns, int rows, const char *const *environment);
#ifdef HOLM_FAKE
/// Starts the dashboard on the made-up backend.
static inline driver *driver_start_dashboard(int columns, int rows, const char *const *environment) {
    return driver_start(HOLM_FAKE, columns, rows, environment);
}
#endif
/// Has the dashboard end by its key, which leaves the terminal as it was, and frees all.
void driver_quit(driver *self);
/// Ends it where it still runs, and frees all.
void driver_stop(driver *self);

void driver_type(driver *self, const char *bytes);
/// A report of the mouse in the form of SGR: the button, and the place from 1 on.
void driver_mouse(driver *self, int button, int x, int y, bool pressed);
void driver_resize(driver *self, int columns, int rows);
/// Waits until the text is (or is no longer) on the screen; fails the test after 10 s.
void driver_expect(driver *self, const char *text);
void driver_expect_gone(driver *self, const char *text);
/// Waits until these bytes have been written since the start.
void driver_expect_bytes(driver *self, const char *text);
/// Waits for the end (or, with `stopped`, the stop) of the program; *status as of waitpid.
int driver_wait(driver *self, bool stopped);
/// Takes what it writes for this long; returns how many bytes came.
size_t driver_listen(driver *self, int milliseconds);
bool driver_shows(driver *self, const char *text);
/// Whether the terminal's modes are those of before.
bool driver_modes_restored(const driver *self);
