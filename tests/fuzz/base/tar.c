// The tar stream that copies are made of.
#include <stdint.h>
#include <string.h>

#include "core/base/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct source {
    const uint8_t *at;
    size_t left;
} source;

static ssize_t read_source(void *data, void *out, size_t length) {
    source *self = data;
    length = length < self->left ? length : self->left;
    memcpy(out, self->at, length);
    self->at += length;
    self->left -= length;
    return (ssize_t)length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    source from = {data, size};
    tar_reader reader = {.read = read_source, .data = &from, .sparse = true};
    tar_entry entry;
    uint8_t content[100];
    cleanup_buffer buffer again = BUFFER_INIT;
    while (tar_reader_next(&reader, &entry, NULL) > 0) {
        if (strlen(entry.path) > TAR_NAME_MAX || strlen(entry.link) > TAR_NAME_MAX)
            __builtin_trap();
        tar_reader_content(&reader, content, sizeof content, NULL);
        buffer_clear(&again);
        tar_write_header(&again, &entry);
    }
    tar_reader_finish(&reader);
    return 0;
}
