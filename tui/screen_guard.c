// What gives the terminal back when the dashboard cannot: a signal handler after a crash, and after SIGKILL,
// which nobody can catch, a child that does nothing but wait for the dashboard's end.
#define NCURSES_WIDECHAR 1
#include "tui/screen_guard.h"

#include <curses.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

// Shared with the child. What a signal handler needs it finds nowhere else.
typedef struct rescue {
    atomic_int active;
    struct termios before, ours;
    char bytes[256];
    size_t length;
} rescue;

static rescue *shared;
static int terminal, lifeline = -1; // the child reads the lifeline's other end
static pid_t child = -1;

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static void write_all(int fd, const char *text, size_t length) {
    ssize_t ignored = write(fd, text, length);
    (void)ignored;
}

static void on_crash(int number) {
    static const char text[] = "holm: the dashboard crashed; containers and pulls go on\n";
    if (atomic_exchange(&shared->active, 0)) {
        write_all(terminal, shared->bytes, shared->length);
        tcsetattr(terminal, TCSANOW, &shared->before);
        write_all(STDERR_FILENO, text, sizeof(text) - 1);
    }
    signal(number, SIG_DFL);
    raise(number);
}

// ---- the child ----

static bool same_modes(const struct termios *a, const struct termios *b) {
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag;
}

// A shell that was faster has set modes of its own: those stay.
static void after_the_end(int fd) {
    static const char text[] = "holm: the dashboard was killed; containers and pulls go on\r\n";
    struct termios now;
    if (!atomic_exchange(&shared->active, 0) || tcgetattr(fd, &now) < 0)
        return;
    write_all(fd, shared->bytes, shared->length);
    if (same_modes(&now, &shared->ours))
        tcsetattr(fd, TCSANOW, &shared->before);
    write_all(fd, text, sizeof(text) - 1);
}

// It keeps nothing of the dashboard's but the terminal: no lock and no socket may live on here.
static void watch(int end) {
    static const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGTTOU, SIGTTIN, SIGPIPE};
    for (size_t i = 0; i < array_length(ignored); i++)
        signal(ignored[i], SIG_IGN);
    for (size_t i = 0; i < array_length(crash_signals); i++)
        signal(crash_signals[i], SIG_DFL);
    int kept[] = {dup(terminal), dup(end)};
    dup2(kept[0], 0);
    dup2(kept[1], 1);
    close_range(2, ~0u, 0);
    char byte;
    while (read(1, &byte, 1) < 0)
        continue;
    after_the_end(0);
    _exit(0);
}

void screen_guard_start(void) {
    int ends[2];
    if (lifeline >= 0 || pipe2(ends, O_CLOEXEC) < 0)
        return; // without it only SIGKILL leaves the terminal as it is
    child = fork();
    if (child == 0)
        watch(ends[0]);
    close(ends[0]);
    lifeline = ends[1];
}

// ---- the dashboard ----

static void add_bytes(const char *text) {
    size_t length = strlen(text);
    if (shared->length + length > sizeof(shared->bytes))
        return;
    memcpy(shared->bytes + shared->length, text, length);
    shared->length += length;
}

static void add_capability(const char *name) {
    const char *text = tigetstr(name);
    if (text && text != (char *)-1 && !strchr(text, '$')) // with padding: not for a signal handler
        add_bytes(text);
}

static void catch_crashes(void) {
    static char stack[32768];
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_RESETHAND};
    for (size_t i = 0; i < array_length(crash_signals); i++)
        sigaction(crash_signals[i], &action, NULL);
}

void screen_guard_prepare(int fd, const struct termios *before, const char *leave) {
    if (!shared)
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    terminal = fd;
    shared->before = *before;
    tcgetattr(fd, &shared->ours);
    shared->length = 0;
    add_bytes(leave);
    add_capability("sgr0");
    add_capability("cnorm");
    add_capability("rmcup");
    catch_crashes();
    screen_guard_hold(true);
}

void screen_guard_hold(bool held) {
    atomic_store(&shared->active, held);
}

void screen_guard_drop(void) {
    screen_guard_hold(false);
    for (size_t i = 0; i < array_length(crash_signals); i++)
        signal(crash_signals[i], SIG_DFL);
    if (lifeline < 0)
        return;
    close(lifeline);
    lifeline = -1;
    if (child > 0)
        waitpid(child, NULL, 0);
}
