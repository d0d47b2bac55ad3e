#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/tar_header.h"

#define PIECES_MOST (1u << 20) // of one file

typedef struct extension {
    buffer path, link, sparse_path; // empty: not told
    bool has_size, has_mtime, has_uid, has_gid, has_sparse;
    uint64_t size, uid, gid, sparse_major, sparse_minor, sparse_size;
    int64_t mtime_seconds;
    uint32_t mtime_ns;
} extension;

static void extension_finish(extension *self) {
    buffer_finish(&self->path);
    buffer_finish(&self->link);
    buffer_finish(&self->sparse_path);
}

static int damaged(const char *what, holm_error **error) {
    holm_error_set(error, HOLM_ERROR_INTEGRITY, "the archive is damaged: %s", what);
    return -1;
}

// All of it: 1, at the end of the input 0 (when nothing of it was there), or -1.
static int read_whole(tar_reader *self, void *out, size_t length, holm_error **error) {
    for (size_t done = 0; done < length;) {
        ssize_t got = self->read(self->data, (uint8_t *)out + done, length - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            holm_error_set_errno(error, errno, "read the archive");
            return -1;
        }
        if (got == 0)
            return done ? damaged("it ends too early", error) : 0;
        done += (size_t)got;
    }
    return 1;
}

static int skip(tar_reader *self, uint64_t length, holm_error **error) {
    uint8_t waste[4096];
    while (length) {
        size_t part = length < sizeof waste ? (size_t)length : sizeof waste;
        int result = read_whole(self, waste, part, error);
        if (result <= 0)
            return result < 0 ? -1 : damaged("it ends too early", error);
        length -= part;
    }
    return 0;
}

// Octal with blanks or NULs around, or with the highest bit of the first byte set: base 256 (GNU). -1: no
// number.
static int64_t parse_number(const char *field, size_t length) {
    uint64_t value = 0;
    size_t i = 0;
    if ((uint8_t)field[0] & 0x80) {
        value = (uint8_t)field[0] & 0x7f;
        for (i = 1; i < length; i++) {
            if (value >> 55)
                return -1;
            value = value << 8 | (uint8_t)field[i];
        }
        return (int64_t)value;
    }
    while (i < length && field[i] == ' ')
        i++;
    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++)
        value = value << 3 | (uint64_t)(field[i] - '0'); // 12 digits at most
    return i < length && field[i] && field[i] != ' ' ? -1 : (int64_t)value;
}

static bool take_name(buffer *out, const char *value, size_t length) {
    buffer_clear(out);
    buffer_append(out, value, length);
    return length > 0 && length <= TAR_NAME_MAX && !memchr(value, 0, length);
}

// Of a file with holes: what it is called stands here, its path is made up. The older forms are only noticed.
static bool take_sparse_record(extension *self, const char *key, const char *value, size_t length) {
    char *end = (char *)value + length;
    self->has_sparse = true;
    if (strcmp(key, "name") == 0)
        return take_name(&self->sparse_path, value, length);
    if (strcmp(key, "major") == 0)
        self->sparse_major = strtoull(value, &end, 10);
    else if (strcmp(key, "minor") == 0)
        self->sparse_minor = strtoull(value, &end, 10);
    else if (strcmp(key, "realsize") == 0)
        self->sparse_size = strtoull(value, &end, 10);
    return end == value + length;
}

// One "path=value" of a pax header; others are of no interest here.
static bool take_record(extension *self, const char *key, const char *value, size_t length) {
    static const char sparse[] = "GNU.sparse.";
    char *end;
    if (strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0)
        return take_name(*key == 'p' ? &self->path : &self->link, value, length);
    if (strncmp(key, sparse, strlen(sparse)) == 0)
        return take_sparse_record(self, key + strlen(sparse), value, length);
    if (strcmp(key, "size") == 0)
        self->size = strtoull(value, &end, 10), self->has_size = true;
    else if (strcmp(key, "uid") == 0)
        self->uid = strtoull(value, &end, 10), self->has_uid = true;
    else if (strcmp(key, "gid") == 0)
        self->gid = strtoull(value, &end, 10), self->has_gid = true;
    else if (strcmp(key, "mtime") == 0) {
        self->mtime_seconds = strtoll(value, &end, 10);
        self->has_mtime = true;
        uint32_t unit = 100000000;
        self->mtime_ns = 0;
        if (*end == '.')
            for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
                self->mtime_ns += (uint32_t)(*end - '0') * unit;
    } else {
        return true;
    }
    return end == value + length && end > value;
}

// "LENGTH key=value\n", one after the other; the text is changed on the way.
static bool parse_records(extension *self, char *text, size_t length) {
    for (char *at = text, *limit = text + length; at < limit;) {
        char *key;
        unsigned long size = strtoul(at, &key, 10);
        if (key == at || *key != ' ' || size > (size_t)(limit - at) || size < (size_t)(key - at) + 4 ||
            at[size - 1] != '\n')
            return false;
        at[size - 1] = 0;
        char *equals = memchr(key, '=', size - (size_t)(key - at));
        if (!equals)
            return false;
        *equals = 0;
        if (!take_record(self, key + 1, equals + 1, (size_t)(at + size - 1 - (equals + 1))))
            return false;
        at += size;
    }
    return true;
}

static int read_extension(tar_reader *self, extension *out, char type, uint64_t size, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    if (size > TAR_RECORD_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "an extended header of the archive is larger than %u bytes",
                       TAR_RECORD_MAX);
        return -1;
    }
    buffer_reserve(&text, (size_t)size);
    if (size && read_whole(self, text.data, (size_t)size, error) <= 0)
        return error && *error ? -1 : damaged("it ends too early", error);
    text.length = (size_t)size;
    buffer_append(&text, NULL, 0);
    if (skip(self, tar_padding(size), error) < 0)
        return -1;
    if (type == 'g')
        return 0; // for a whole archive: nothing of it matters here
    if (type == 'x')
        return parse_records(out, (char *)text.data, text.length) ? 0 : damaged("an extended header", error);
    buffer *name = type == 'L' ? &out->path : &out->link;
    size_t length = strnlen((char *)text.data, text.length);
    buffer_clear(name);
    buffer_append(name, text.data, length);
    return length && length <= TAR_NAME_MAX ? 0 : damaged("a long name", error);
}

static void set_text(buffer *out, const buffer *extended, const char *prefix, size_t prefix_size,
                     const char *field, size_t size) {
    buffer_clear(out);
    buffer_append(out, NULL, 0);
    if (extended->length) {
        buffer_append(out, extended->data, extended->length);
        return;
    }
    if (prefix && *prefix) {
        buffer_append(out, prefix, strnlen(prefix, prefix_size));
        buffer_append_text(out, "/");
    }
    buffer_append(out, field, strnlen(field, size));
}

// ---- holes ----

typedef struct map_reader {
    char block[TAR_BLOCK];
    size_t at; // TAR_BLOCK: the next one is to be read
} map_reader;

static int read_map_number(tar_reader *self, map_reader *map, uint64_t *out, holm_error **error) {
    *out = 0;
    for (unsigned digits = 0;; digits++) {
        if (map->at == TAR_BLOCK) {
            if (self->left < TAR_BLOCK)
                return damaged("a map of holes", error);
            int result = read_whole(self, map->block, TAR_BLOCK, error);
            if (result <= 0)
                return result < 0 ? -1 : damaged("it ends too early", error);
            self->left -= TAR_BLOCK;
            map->at = 0;
        }
        char digit = map->block[map->at++];
        if (digit == '\n' && digits)
            return 0;
        if (digit < '0' || digit > '9' || digits == 18) // far from an overflow
            return damaged("a map of holes", error);
        *out = *out * 10 + (uint64_t)(digit - '0');
    }
}

// In front of the content: how many pieces, and of each where it begins and how long it is.
static int read_map(tar_reader *self, holm_error **error) {
    map_reader map = {.at = TAR_BLOCK};
    uint64_t count, length, last = 0, together = 0;
    if (read_map_number(self, &map, &count, error) < 0)
        return -1;
    if (count > PIECES_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a file of the archive has more than %u holes", PIECES_MOST);
        return -1;
    }
    for (uint64_t i = 0; i < count; i++) {
        tar_piece piece;
        if (read_map_number(self, &map, &piece.offset, error) < 0 ||
            read_map_number(self, &map, &length, error) < 0)
            return -1;
        piece.end = piece.offset + length;
        if (piece.offset < last || piece.end > self->size)
            return damaged("a map of holes", error);
        last = piece.end;
        together += length;
        buffer_append(&self->pieces, &piece, sizeof piece);
    }
    return together == self->left ? 0 : damaged("a map of holes", error);
}

static int take_holes(tar_reader *self, const extension *more, tar_entry *entry, holm_error **error) {
    if (!self->sparse || more->sparse_major != 1 || more->sparse_minor != 0) {
        holm_error_set(error, HOLM_ERROR_UNSUPPORTED,
                       "the archive has a file with holes in a form that holm does not read");
        holm_error_hint(error, "make it without tar's --sparse");
        return -1;
    }
    if (more->sparse_size > INT64_MAX)
        return damaged("the size of a file", error);
    self->has_holes = true;
    self->size = entry->size = more->sparse_size;
    return read_map(self, error);
}

static ssize_t read_with_holes(tar_reader *self, void *out, size_t length, holm_error **error) {
    const tar_piece *pieces = (const tar_piece *)self->pieces.data;
    size_t count = self->pieces.length / sizeof *pieces;
    while (self->piece < count && pieces[self->piece].end <= self->at)
        self->piece++;
    bool hole = self->piece == count || self->at < pieces[self->piece].offset;
    uint64_t end = self->piece == count ? self->size
                   : hole               ? pieces[self->piece].offset
                                        : pieces[self->piece].end;
    if (length > end - self->at)
        length = (size_t)(end - self->at);
    if (hole) {
        memset(out, 0, length);
    } else {
        int result = read_whole(self, out, length, error);
        if (result <= 0)
            return result < 0 ? -1 : damaged("it ends too early", error);
        self->left -= length;
    }
    self->at += length;
    return (ssize_t)length;
}

// ---- entries ----

static int fill_entry(tar_reader *self, const tar_header *header, const extension *more, tar_entry *entry,
                      holm_error **error) {
    bool ustar = memcmp(header->magic, "ustar", 6) == 0; // GNU's own form keeps other things in the prefix
    char type = header->type == 0 || header->type == '7' ? TAR_FILE : header->type;
    int64_t size = more->has_size ? (int64_t)more->size : parse_number(header->size, sizeof header->size);
    int64_t mtime = parse_number(header->mtime, sizeof header->mtime);
    if (type == 'S')
        return take_holes(self, more, entry, error); // GNU's form of old: refused
    if (type < '0' || type > '6') {
        holm_error_set(error, HOLM_ERROR_UNSUPPORTED, "the archive has an entry of type 0x%02x",
                       (unsigned)(uint8_t)type);
        return -1;
    }
    if (size < 0)
        return damaged("the size of a file", error);
    set_text(&self->path, more->sparse_path.length ? &more->sparse_path : &more->path,
             ustar ? header->prefix : NULL, sizeof header->prefix, header->name, sizeof header->name);
    set_text(&self->link, &more->link, NULL, 0, header->link, sizeof header->link);
    size_t path_length = strlen((char *)self->path.data);
    if (type == TAR_FILE && path_length && self->path.data[path_length - 1] == '/')
        type = TAR_FOLDER; // as archives of old have it
    *entry = (tar_entry){
        .type = (tar_type)type,
        .path = (char *)self->path.data,
        .link = (char *)self->link.data,
        .mode = (uint32_t)parse_number(header->mode, sizeof header->mode) & 07777,
        .uid = more->has_uid ? (uint32_t)more->uid : (uint32_t)parse_number(header->uid, sizeof header->uid),
        .gid = more->has_gid ? (uint32_t)more->gid : (uint32_t)parse_number(header->gid, sizeof header->gid),
        .size = type == TAR_FILE ? (uint64_t)size : 0,
        .mtime_seconds = more->has_mtime ? more->mtime_seconds
                         : mtime < 0     ? 0
                                         : mtime,
        .mtime_ns = more->has_mtime ? more->mtime_ns : 0,
        .major = (uint32_t)parse_number(header->major, sizeof header->major),
        .minor = (uint32_t)parse_number(header->minor, sizeof header->minor),
    };
    self->left = entry->size;
    self->padding = (unsigned)tar_padding(entry->size);
    return more->has_sparse && type == TAR_FILE && take_holes(self, more, entry, error) < 0 ? -1 : 1;
}

int tar_reader_next(tar_reader *self, tar_entry *entry, holm_error **error) {
    static const tar_header zeros;
    cleanup(extension_finish) extension more = {0};
    tar_header header;
    if (skip(self, self->left, error) < 0 || skip(self, self->padding, error) < 0)
        return -1;
    self->left = self->padding = 0;
    self->has_holes = false;
    self->piece = self->at = 0;
    buffer_clear(&self->pieces);
    for (;;) {
        int result = read_whole(self, &header, sizeof header, error);
        if (result <= 0)
            return result;
        if (memcmp(&header, &zeros, sizeof header) == 0)
            return 0;
        int64_t size = parse_number(header.size, sizeof header.size);
        if (parse_number(header.checksum, sizeof header.checksum) != tar_header_sum(&header) || size < 0)
            return damaged("a header", error);
        if (!strchr("xgLK", header.type) || !header.type)
            return fill_entry(self, &header, &more, entry, error);
        if (read_extension(self, &more, header.type, (uint64_t)size, error) < 0)
            return -1;
    }
}

ssize_t tar_reader_content(tar_reader *self, void *out, size_t length, holm_error **error) {
    if (self->has_holes && length)
        return read_with_holes(self, out, length, error);
    if (length > self->left)
        length = (size_t)self->left;
    if (length == 0)
        return 0;
    int result = read_whole(self, out, length, error);
    if (result <= 0)
        return result < 0 ? -1 : damaged("it ends too early", error);
    self->left -= length;
    return (ssize_t)length;
}

void tar_reader_finish(tar_reader *self) {
    buffer_finish(&self->pieces);
    buffer_finish(&self->path);
    buffer_finish(&self->link);
}
