#include "guest/cpio.h"

#include <string.h>

// Names and contents begin and end on multiples of four bytes.
static void pad(buffer *archive) {
    static const uint8_t zeros[4];
    buffer_append(archive, zeros, (4 - archive->length % 4) % 4);
}

static void add(buffer *archive, const cpio_entry *entry, unsigned inode) {
    size_t name_size = strlen(entry->name) + 1;
    buffer_append_format(archive, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode,
                         entry->mode, 0U, 0U, 1U, 0U, (unsigned)entry->length, 0U, 0U, entry->major,
                         entry->minor, (unsigned)name_size, 0U);
    buffer_append(archive, entry->name, name_size);
    pad(archive);
    buffer_append(archive, entry->data, entry->length);
    pad(archive);
}

void cpio_add(buffer *archive, const cpio_entry *entry) {
    // where it begins is as good an inode number as any: links between entries are not made
    add(archive, entry, (unsigned)archive->length + 1);
}

void cpio_end(buffer *archive) {
    add(archive, &(cpio_entry){.name = "TRAILER!!!"}, 0);
}
