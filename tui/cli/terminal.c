#include "tui/cli/terminal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

// For the handlers of fatal signals, which have nothing else to go by.
static struct termios saved;
static volatile sig_atomic_t is_raw;

bool terminal_present(void) {
    return isatty(STDIN_FILENO);
}

bool terminal_size(unsigned *columns, unsigned *rows) {
    struct winsize size;
    if ((ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0) ||
        size.ws_col == 0 || size.ws_row == 0)
        return false;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return true;
}

void terminal_restore(void) {
    if (!is_raw)
        return;
    is_raw = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

void terminal_restore_and_die(int number) {
    terminal_restore();
    signal(number, SIG_DFL);
    raise(number);
}

bool terminal_set_raw(void) {
    if (is_raw)
        return true;
    if (tcgetattr(STDIN_FILENO, &saved) < 0)
        return false;
    struct termios raw = saved;
    cfmakeraw(&raw);
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        signal(fatal[i], terminal_restore_and_die);
    atexit(terminal_restore);
    is_raw = 1;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0)
        return true;
    is_raw = 0;
    return false;
}
