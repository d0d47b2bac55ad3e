// The log of a process: one line a record, to the descriptor main chose, with the file's own module name.
//
//     #define LOG_MODULE "vsock"
//     #include "core/base/log.h"
#pragma once

#include <stdarg.h>
#include <stdbool.h>

typedef enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG } log_level;

#ifndef LOG_MODULE
#define LOG_MODULE "holm"
#endif

/// Chooses where records go and which are written. fd is borrowed; -1 (the start value) drops everything.
void log_init(int fd, log_level most);
bool log_enabled(log_level level);

/// Writes "2026-11-22T12:00:00.123Z level module: text\n" with one write(2). Control characters are escaped.
/// Callers use the macros below. Never log secrets.
void log_write(log_level level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, LOG_MODULE, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, LOG_MODULE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, LOG_MODULE, __VA_ARGS__)
#define log_debug(...)                                           \
    do {                                                         \
        if (log_enabled(LOG_LEVEL_DEBUG))                        \
            log_write(LOG_LEVEL_DEBUG, LOG_MODULE, __VA_ARGS__); \
    } while (0)
