// First paint, key to frame, idle cost and memory of the dashboard in a terminal of 140x40. The statistics of
// the made-up backend are computed in the same process: its share is in the figures.
#include <locale.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/tui/screen/driver.h"

#define STARTS          20
#define KEYS            400
#define FLOOD           11000000 // lines: 1 GB
#define TEXT(number)    TEXT_OF(number)
#define TEXT_OF(number) #number

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double quantile(double *values, int count, double share) {
    qsort(values, (size_t)count, sizeof(*values), compare);
    int index = (int)(share * count);
    return values[index < count ? index : count - 1];
}

static double cpu_seconds(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    unsigned long user = 0, system = 0;
    if (file) {
        if (fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
            user = system = 0;
        fclose(file);
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

// Time on a CPU, to the nanosecond: what is left of a figure when the machine is busy with other things.
static double cpu_ms(pid_t pid) {
    char path[64];
    unsigned long long ns = 0;
    snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%llu", &ns) != 1)
            ns = 0;
        fclose(file);
    }
    return (double)ns / 1e6;
}

static double status_value(pid_t pid, const char *name) {
    char path[64], line[256];
    double value = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtod(line + strlen(name), NULL);
    if (file)
        fclose(file);
    return value;
}

static void first_paint(const char *program) {
    double times[STARTS], busy[STARTS];
    for (int i = 0; i < STARTS; i++) {
        double begin = now_ms();
        driver *self = driver_start(program, 140, 40,
                                    (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_CONTAINERS=50", NULL});
        driver_expect_bytes(self, "containers");
        times[i] = now_ms() - begin;
        busy[i] = cpu_ms(self->pid);
        driver_stop(self);
    }
    double median = quantile(times, STARTS, 0.5);
    printf("first paint            %6.1f ms median, %.1f ms most, %.1f ms of CPU (%d starts, from fork)\n",
           median, times[STARTS - 1], quantile(busy, STARTS, 0.5), STARTS);
}

static void key_to_frame(const char *program) {
    driver *self = driver_start(program, 140, 40,
                                (const char *[]){"HOLM_FAKE_STILL=1", "HOLM_FAKE_CONTAINERS=200", NULL});
    double times[KEYS];
    driver_expect(self, "app-20");
    driver_listen(self, 500);
    for (int i = 0; i < KEYS; i++) {
        double begin = now_ms();
        driver_type(self, i / 20 % 2 ? "k" : "j");
        struct pollfd poll_fd = {.fd = self->fd, .events = POLLIN};
        poll(&poll_fd, 1, 1000);
        times[i] = now_ms() - begin;
        driver_listen(self, 60); // the rest of the frame, and what follows the selection
    }
    double median = quantile(times, KEYS, 0.5);
    printf("key to frame           %6.2f ms median, %.2f ms at the 99th percentile (200 containers)\n",
           median, quantile(times, KEYS, 0.99));
    printf("memory                 %6.1f MB resident, %.1f MB of it its own (200 containers)\n",
           status_value(self->pid, "VmRSS:") / 1024, status_value(self->pid, "RssAnon:") / 1024);
    driver_stop(self);
}

static void idle(const char *program, bool still) {
    driver *self =
        driver_start(program, 140, 40,
                     (const char *[]){"HOLM_FAKE_CONTAINERS=50", still ? "HOLM_FAKE_STILL=1" : NULL, NULL});
    driver_expect(self, "app-10");
    driver_listen(self, 2000);
    double cpu = cpu_seconds(self->pid), switches = status_value(self->pid, "voluntary_ctxt_switches:");
    double begin = now_ms();
    size_t bytes = driver_listen(self, 10000);
    double seconds = (now_ms() - begin) / 1e3;
    printf("%-22s %6.2f %% of a core, %.0f bytes/s, %.1f wakeups/s (50 containers)\n",
           still ? "idle, stats off" : "idle, stats on", (cpu_seconds(self->pid) - cpu) / seconds * 100,
           (double)bytes / seconds,
           (status_value(self->pid, "voluntary_ctxt_switches:") - switches) / seconds);
    driver_stop(self);
}

// Waits for a text however long it takes; the driver's own patience is a test's.
static void await(driver *self, const char *text) {
    while (!self->ended && !driver_shows(self, text))
        driver_listen(self, 100);
}

// What is resident before and after so many lines have gone through, of a log or of a console.
static void flood(const char *program, const char *what, const char *setting, const char *keys) {
    driver *self = driver_start(program, 140, 40, (const char *[]){"HOLM_FAKE_STILL=1", setting, NULL});
    driver_expect(self, "web");
    double before = status_value(self->pid, "VmRSS:"), begin = now_ms();
    driver_type(self, keys);
    await(self, "that is all");
    printf("%-22s %6.1f MB resident before, %.1f MB after %d million lines of 92 bytes, %.0f s\n", what,
           before / 1024, status_value(self->pid, "VmRSS:") / 1024, FLOOD / 1000000,
           (now_ms() - begin) / 1e3);
    driver_stop(self);
}

static void throughput(void) {
    static char plain[1 << 20];
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = i % 80 == 79 ? '\n' : (char)('a' + i % 26);
    terminal *screen = terminal_create(140, 40, NULL, NULL);
    double begin = now_ms();
    for (int i = 0; i < 32; i++)
        terminal_write(screen, plain, sizeof(plain));
    printf("console                %6.1f MB/s of plain text to cells and scrollback\n",
           32 / ((now_ms() - begin) / 1e3));
    terminal_destroy(screen);
}

static void run(void **state) {
    const char *program = *state;
    setvbuf(stdout, NULL, _IOLBF, 0);
    first_paint(program);
    key_to_frame(program);
    idle(program, true);
    idle(program, false);
    throughput();
    flood(program, "memory, a log", "HOLM_FAKE_LOG_LINES=" TEXT(FLOOD), "l");
    flood(program, "memory, a console",
          "HOLM_FAKE_SHELL=yes 'one line of many: the quick brown fox jumps over the lazy dog, and then it "
          "does so "
          "once more' | head -n " TEXT(FLOOD) "; echo that is all; cat",
          "a");
}

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(run, argc > 1 ? argv[1] : (void *)HOLM_FAKE)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
