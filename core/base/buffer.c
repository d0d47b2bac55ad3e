#include "core/base/buffer.h"

#include <string.h>

void buffer_reserve(buffer *self, size_t more) {
    if (more > SIZE_MAX / 2 - self->length - 1)
        abort();
    size_t wanted = self->length + more + 1;
    if (wanted <= self->capacity)
        return;
    size_t capacity = self->capacity ? self->capacity : 64;
    while (capacity < wanted)
        capacity *= 2;
    uint8_t *data = realloc(self->data, capacity);
    if (!data)
        abort();
    self->data = data;
    self->capacity = capacity;
}

void buffer_append(buffer *self, const void *data, size_t length) {
    buffer_reserve(self, length);
    if (length)
        memcpy(self->data + self->length, data, length);
    self->length += length;
    self->data[self->length] = 0;
}

void buffer_append_text(buffer *self, const char *text) {
    buffer_append(self, text, strlen(text));
}

void buffer_append_format(buffer *self, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort();
    buffer_reserve(self, (size_t)length);
    vsnprintf((char *)self->data + self->length, (size_t)length + 1, format, again);
    va_end(again);
    self->length += (size_t)length;
}

void buffer_consume(buffer *self, size_t length) {
    if (length > self->length)
        length = self->length;
    if (!length)
        return;
    memmove(self->data, self->data + length, self->length - length);
    self->length -= length;
    self->data[self->length] = 0;
}

void buffer_clear(buffer *self) {
    self->length = 0;
    if (self->data)
        self->data[0] = 0;
}

void buffer_finish(buffer *self) {
    free(self->data);
    *self = BUFFER_INIT;
}

const char *buffer_text(const buffer *self) {
    return self->data ? (const char *)self->data : "";
}

char *buffer_steal_text(buffer *self) {
    buffer_reserve(self, 0);
    self->data[self->length] = 0;
    char *text = (char *)self->data;
    *self = BUFFER_INIT;
    return text;
}
