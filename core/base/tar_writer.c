#include <inttypes.h>
#include <string.h>

#include "core/base/tar_header.h"

#define OCTAL_7_MAX  UINT64_C(07777777)
#define OCTAL_11_MAX UINT64_C(077777777777)

size_t tar_padding(uint64_t size) {
    return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
}

static void set_octal(char *field, size_t length, uint64_t value) {
    for (size_t i = length - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

// "LENGTH key=value\n", where the length counts its own digits.
static void add_record(buffer *out, const char *key, const char *value) {
    size_t rest = strlen(key) + strlen(value) + 3, length = rest + 1;
    for (size_t digits = 1, limit = 10; length >= limit; limit *= 10)
        length = rest + ++digits;
    buffer_append_format(out, "%zu %s=%s\n", length, key, value);
}

static void add_number(buffer *out, const char *key, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    add_record(out, key, text);
}

// What the plain header has no room for.
static void collect_records(buffer *out, const tar_entry *entry) {
    char time[48];
    if (strlen(entry->path) > sizeof((tar_header *)0)->name)
        add_record(out, "path", entry->path);
    if (entry->link && strlen(entry->link) > sizeof((tar_header *)0)->link)
        add_record(out, "linkpath", entry->link);
    if (entry->size > OCTAL_11_MAX)
        add_number(out, "size", entry->size);
    if (entry->uid > OCTAL_7_MAX)
        add_number(out, "uid", entry->uid);
    if (entry->gid > OCTAL_7_MAX)
        add_number(out, "gid", entry->gid);
    if (entry->mtime_ns && entry->mtime_seconds >= 0) {
        snprintf(time, sizeof time, "%" PRId64 ".%09" PRIu32, entry->mtime_seconds, entry->mtime_ns);
        add_record(out, "mtime", time);
    }
}

static void add_header(buffer *out, const tar_entry *entry, char type, uint64_t size) {
    tar_header header = {.type = type, .magic = "ustar", .version = {'0', '0'}};
    memcpy(header.name, entry->path, strnlen(entry->path, sizeof header.name));
    if (entry->link)
        memcpy(header.link, entry->link, strnlen(entry->link, sizeof header.link));
    set_octal(header.mode, sizeof header.mode, entry->mode & 07777);
    set_octal(header.uid, sizeof header.uid, entry->uid > OCTAL_7_MAX ? 0 : entry->uid);
    set_octal(header.gid, sizeof header.gid, entry->gid > OCTAL_7_MAX ? 0 : entry->gid);
    set_octal(header.size, sizeof header.size, size > OCTAL_11_MAX ? 0 : size);
    set_octal(header.mtime, sizeof header.mtime,
              entry->mtime_seconds < 0 ? 0 : (uint64_t)entry->mtime_seconds);
    set_octal(header.major, sizeof header.major, entry->major);
    set_octal(header.minor, sizeof header.minor, entry->minor);
    set_octal(header.checksum, sizeof header.checksum - 1, tar_header_sum(&header));
    header.checksum[7] = ' ';
    buffer_append(out, &header, sizeof header);
}

static void add_zeros(buffer *out, size_t length) {
    static const uint8_t zeros[TAR_BLOCK];
    buffer_append(out, zeros, length);
}

void tar_write_header(buffer *out, const tar_entry *entry) {
    cleanup_buffer buffer records = BUFFER_INIT;
    collect_records(&records, entry);
    if (records.length) {
        tar_entry pax = {.path = "pax", .mode = 0644, .mtime_seconds = entry->mtime_seconds};
        add_header(out, &pax, 'x', records.length);
        buffer_append(out, records.data, records.length);
        add_zeros(out, tar_padding(records.length));
    }
    add_header(out, entry, (char)entry->type, entry->size);
}

void tar_write_end(buffer *out) {
    add_zeros(out, TAR_BLOCK);
    add_zeros(out, TAR_BLOCK);
}
