// Tar archives as files are copied with: ustar with pax records (POSIX.1-2001, pax, "ustar Interchange
// Format" and "pax Extended Header") and GNU long names. Read from and written to a function each; every name
// and number is bounded.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/buffer.h"
#include "core/base/error.h"

#define TAR_BLOCK      512
#define TAR_NAME_MAX   4095
#define TAR_DEPTH_MAX  256        ///< folders in folders
#define TAR_RECORD_MAX (1u << 20) ///< bytes of one pax header or long name

typedef enum tar_type {
    TAR_FILE = '0',
    TAR_HARD_LINK = '1',
    TAR_SYMBOLIC_LINK = '2',
    TAR_CHARACTER_DEVICE = '3',
    TAR_BLOCK_DEVICE = '4',
    TAR_FOLDER = '5',
    TAR_FIFO = '6',
} tar_type;

typedef struct tar_entry {
    tar_type type;
    const char *path; ///< as the archive has it
    const char *link; ///< of links
    uint32_t mode, uid, gid;
    uint64_t size; ///< of files, else 0
    int64_t mtime_seconds;
    uint32_t mtime_ns;
    uint32_t major, minor;
} tar_entry;

/// Reads up to `length` bytes: how many, 0 at the end, -1 with errno.
typedef ssize_t (*tar_read)(void *data, void *out, size_t length);

/// What the archive has of a file with holes.
typedef struct tar_piece {
    uint64_t offset, end;
} tar_piece;

typedef struct tar_reader {
    tar_read read;
    void *data;
    bool sparse;       ///< takes files with holes (GNU's pax form 1.0), else UNSUPPORTED
    uint64_t left;     ///< of the current file's content, as the archive has it
    unsigned padding;  ///< behind it
    buffer path, link; ///< of the current entry
    buffer pieces;     ///< tar_piece: of one with holes
    bool has_holes;
    size_t piece;      ///< the one that comes next, or is being read
    uint64_t at, size; ///< in it, and of it with its holes
} tar_reader;

/// The next entry, skipping what is left of the last: 1, 0 at the end of the archive, -1. Its texts are good
/// until the next call. INTEGRITY for what is no archive, LIMIT for what is too large, UNSUPPORTED for other
/// kinds of entries.
int tar_reader_next(tar_reader *self, tar_entry *entry, holm_error **error);
/// Reads of the current file's content, holes as zeros: how many bytes, 0 at its end, -1.
ssize_t tar_reader_content(tar_reader *self, void *out, size_t length, holm_error **error);
void tar_reader_finish(tar_reader *self);

/// Appends the header of an entry; `size` bytes of content and tar_padding bytes of zeros must follow it.
void tar_write_header(buffer *out, const tar_entry *entry);
/// How many zero bytes follow a content of that size.
size_t tar_padding(uint64_t size);
/// Appends the end of the archive.
void tar_write_end(buffer *out);
