// A byte buffer that grows, with a bound.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"

typedef struct buffer {
    uint8_t *data; ///< always followed by one NUL byte once anything was added
    size_t length;
    size_t capacity;
} buffer;

#define BUFFER_INIT ((buffer){0})

/// Grows so that `more` bytes fit behind length. Aborts when there is no memory: sizes are bounded by the
/// callers.
void buffer_reserve(buffer *self, size_t more);
void buffer_append(buffer *self, const void *data, size_t length);
void buffer_append_text(buffer *self, const char *text);
void buffer_append_format(buffer *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
/// Drops `length` bytes at the front.
void buffer_consume(buffer *self, size_t length);
void buffer_clear(buffer *self);
void buffer_finish(buffer *self);
/// The bytes as text; "" when nothing was added. Owned by the buffer.
const char *buffer_text(const buffer *self);
/// Hands the text to the caller, who frees it. The buffer is empty afterwards.
char *buffer_steal_text(buffer *self);

#define cleanup_buffer cleanup(buffer_finish)
