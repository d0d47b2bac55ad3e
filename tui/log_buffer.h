// The last lines of a log, in bounded memory, safe to show.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_BUFFER_LINES 10000
#define LOG_BUFFER_BYTES (4u << 20)

typedef struct log_line {
    int64_t unix_ns;
    uint16_t source; ///< which of several logs it comes from
    uint8_t stream;
    bool marked;
    char *text; ///< without control characters
} log_line;

typedef struct log_buffer {
    log_line *lines; ///< a ring of LOG_BUFFER_LINES
    size_t first, count, bytes;
    uint64_t dropped; ///< lines that made room
    bool open;        ///< the last line was partial: what follows on its stream continues it
} log_buffer;

/// Adds one line as it was written, in the order of time; escape sequences are taken out (ECMA-48), other
/// control characters become visible. A very long line is cut.
void log_buffer_add(log_buffer *self, unsigned source, int64_t unix_ns, int stream, const char *bytes,
                    size_t length, bool partial);
/// Line 0 is the oldest.
log_line *log_buffer_at(const log_buffer *self, size_t index);
void log_buffer_finish(log_buffer *self);

/// The text of a line without its escape sequences; tabs become blanks. The caller frees it.
char *log_text_strip(const char *bytes, size_t length);
