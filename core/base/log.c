#include "core/base/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MAX_RECORD 4096

static int log_fd = -1;
static log_level log_most = LOG_LEVEL_INFO;

void log_init(int fd, log_level most) {
    log_fd = fd;
    log_most = most;
}

bool log_enabled(log_level level) {
    return log_fd >= 0 && level <= log_most;
}

void log_write(log_level level, const char *module, const char *format, ...) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    if (!log_enabled(level))
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char record[MAX_RECORD];
    size_t length = strftime(record, sizeof record, "%Y-%m-%dT%H:%M:%S", &utc);
    length += (size_t)snprintf(record + length, sizeof record - length,
                               ".%03ldZ %s %s: ", now.tv_nsec / 1000000, names[level], module);
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(record + length, sizeof record - length - 1, format, arguments);
    va_end(arguments);
    size_t begin = length;
    if (wanted > 0)
        length += (size_t)wanted < sizeof record - length - 1 ? (size_t)wanted : sizeof record - length - 2;
    for (size_t i = begin; i < length; i++)
        if ((unsigned char)record[i] < 0x20 || record[i] == 0x7f)
            record[i] = '?';
    record[length++] = '\n';
    if (write(log_fd, record, length) < 0)
        return; // a log that cannot be written must not stop the work
}
