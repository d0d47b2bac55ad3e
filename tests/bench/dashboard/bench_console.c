// From bytes of a program to cells and scrollback: the console beside libvterm alone, which keeps nothing of
// what scrolls off, and beside tmux, detached. Ratios of one run count.
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <vterm.h>

#include "tui/terminal.h"

#define COLUMNS 140
#define ROWS    40
#define SIZE    (8u << 20)
#define PIECE   16384u
#define ROUNDS  5

// On a processor: others may be at work on the machine.
static double now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void ignore(const char *bytes, size_t length, void *data) {
    (void)bytes;
    (void)length;
    (void)data;
}

// Lines as a service logs them, with colours or without.
static char *stream(bool color) {
    char *text = malloc(SIZE + 512);
    size_t length = 0;
    for (unsigned i = 0; length < SIZE; i++)
        length += (size_t)snprintf(
            text + length, 512,
            "%s2026-11-25T12:%02u:%02u%s %sINFO%s request %u took %u ms: GET /item/%u?page=%.*s\r\n",
            color ? "\x1b[2;37m" : "", i / 60 % 60, i % 60, color ? "\x1b[0m" : "", color ? "\x1b[1;32m" : "",
            color ? "\x1b[0m" : "", i, i * 7 % 1000, i * 31 % 9973, (int)(i % 40),
            "the quick brown fox jumps over the lazy d");
    return text;
}

static double alone(const char *text) {
    VTerm *emulator = vterm_new(ROWS, COLUMNS);
    vterm_set_utf8(emulator, 1);
    VTermScreen *screen = vterm_obtain_screen(emulator);
    vterm_screen_enable_altscreen(screen, 1);
    vterm_screen_set_damage_merge(screen, VTERM_DAMAGE_SCREEN);
    vterm_screen_reset(screen, 1);
    double begin = now(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i < SIZE; i += PIECE) {
        vterm_input_write(emulator, text + i, PIECE);
        vterm_screen_flush_damage(screen);
    }
    double took = now(CLOCK_PROCESS_CPUTIME_ID) - begin;
    vterm_free(emulator);
    return took;
}

static double ours(const char *text) {
    terminal *screen = terminal_create(COLUMNS, ROWS, ignore, NULL);
    double begin = now(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i < SIZE; i += PIECE)
        terminal_write(screen, text + i, PIECE);
    double took = now(CLOCK_PROCESS_CPUTIME_ID) - begin;
    terminal_destroy(screen);
    return took;
}

// tmux reads the file through a pseudoterminal: its time is also that of cat and the kernel.
static double tmux(const char *text) {
    char path[] = "/tmp/holm-bench-XXXXXX", command[256], socket[64];
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, SIZE) != (ssize_t)SIZE)
        return 0;
    close(fd);
    snprintf(command, sizeof command,
             "tmux -S %s.socket -f /dev/null new-session -d -x %d -y %d 'cat %s; tmux wait-for -S done' \\; "
             "wait-for done 2>/dev/null",
             path, COLUMNS, ROWS, path);
    double begin = now(CLOCK_MONOTONIC);
    int failed = system(command);
    double took = now(CLOCK_MONOTONIC) - begin;
    unlink(path);
    snprintf(socket, sizeof socket, "%s.socket", path); // which an ended server leaves
    unlink(socket);
    return failed ? 0 : took;
}

static double least(double (*measure)(const char *), const char *text) {
    double best = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        double took = measure(text);
        best = took < best ? took : best;
    }
    return best;
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    int slow = 0;
    for (int color = 0; color < 2; color++) {
        char *text = stream(color);
        const double megabytes = SIZE / 1e6;
        double base = least(alone, text), mine = least(ours, text), beside = tmux(text);
        printf("%-9s console %6.1f MB/s, libvterm alone %6.1f MB/s (%.2f of it), tmux %6.1f MB/s\n",
               color ? "coloured" : "plain", megabytes / mine, megabytes / base, base / mine,
               beside > 0 ? megabytes / beside : 0);
        slow |= base / mine < 0.9;
        free(text);
    }
    return slow;
}
