#include "core/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"

#define VARIABLE "HOLM_TRACE"

static int trace_fd = -1;
static _Atomic uint64_t last_step;

bool trace_enabled(void) {
    return trace_fd >= 0;
}

uint64_t trace_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// Names come from our own code, but for those of the guest.
static void write_event(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void write_event(const char *name, const char *format, ...) {
    char line[512];
    char safe[64];
    size_t length = 0;
    for (; name[length] && length < sizeof safe - 1; length++)
        safe[length] =
            strchr("\"\\", name[length]) || (unsigned char)name[length] < 0x20 ? '?' : name[length];
    safe[length] = 0;
    int begin = snprintf(line, sizeof line, "{\"name\":\"%s\",", safe);
    va_list arguments;
    va_start(arguments, format);
    int rest = vsnprintf(line + begin, sizeof line - (size_t)begin, format, arguments);
    va_end(arguments);
    if (write(trace_fd, line, (size_t)(begin + rest)) < 0)
        trace_fd = -1; // a full disk must not stop the work
}

void trace_row(unsigned row, const char *name) {
    if (trace_enabled())
        write_event("process_name", "\"ph\":\"M\",\"pid\":%u,\"args\":{\"name\":\"%.32s\"}},\n", row, name);
}

void trace_span(unsigned row, const char *name, uint64_t begin_ns, uint64_t end_ns) {
    if (trace_enabled() && end_ns >= begin_ns)
        write_event(name, "\"ph\":\"X\",\"pid\":%u,\"tid\":%u,\"ts\":%.3f,\"dur\":%.3f},\n", row, row,
                    (double)begin_ns / 1e3, (double)(end_ns - begin_ns) / 1e3);
}

void trace_step(const char *name) {
    if (!trace_enabled())
        return;
    uint64_t now = trace_now();
    trace_span((unsigned)getpid(), name, atomic_exchange(&last_step, now), now);
}

static void join(int fd, const char *process) {
    trace_fd = fd;
    last_step = trace_now();
    trace_row((unsigned)getpid(), process);
}

void trace_init(const char *process) {
    const char *path = getenv(VARIABLE);
    if (path && *path)
        join(open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY), process);
}

int trace_create(const char *path, const char *process, holm_error **error) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    char whole[PATH_MAX]; // helpers start in another folder
    if (fd < 0 || !realpath(path, whole) || write(fd, "[\n", 2) != 2) {
        holm_error_set_errno(error, errno, "write the trace %s", path);
        cleanup_close_fd(&fd);
        return -1;
    }
    setenv(VARIABLE, whole, 1);
    join(fd, process);
    return 0;
}
