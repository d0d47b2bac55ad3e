// A container's log: what its process wrote, line by line, with time and stream.
//
// Files FOLDER/0.log (being written), 1.log, 2.log … (older). A record is a 16 byte header and the bytes of
// the line without its newline:
//
//   bytes 0-7    unix time in ns, little endian
//   byte  8      stream: 1 or 2
//   byte  9      flags: 1 = the line goes on in the next record of this stream (or never ended)
//   bytes 10-11  0x4c48 ("HL"), little endian: to notice a torn or foreign file
//   bytes 12-15  length of the line's bytes, at most LOG_RECORD_MAX
//
// A torn last record (the writer was killed) is ignored by the reader and cut off by the next writer. Lines
// longer than LOG_RECORD_MAX come as several records. Rotation renames 0.log to 1.log and so on when it
// reaches the limit; the oldest one goes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/error.h"

#define LOG_RECORD_MAX  (16u << 10)
#define LOG_HEADER_SIZE 16u

// ---- writing ----

/// Cuts the two streams into records. Pure memory: the bytes to write are appended to a buffer.
typedef struct log_encoder {
    buffer lines[2]; ///< the unfinished line of each stream
} log_encoder;

void log_encoder_add(log_encoder *self, int stream, int64_t unix_ns, const void *bytes, size_t length,
                     buffer *out);
/// The unfinished lines, as partial records.
void log_encoder_flush(log_encoder *self, int64_t unix_ns, buffer *out);
void log_encoder_finish(log_encoder *self);

typedef struct log_writer log_writer;

/// Opens (and makes) the folder's log for appending. Blocks for the disk, like the next one.
log_writer *log_writer_open(const char *folder, uint64_t max_bytes, unsigned max_files, holm_error **error);
/// Appends whole records (as the encoder made them), rotating where needed.
int log_writer_append(log_writer *self, const void *records, size_t length, holm_error **error);
void log_writer_close(log_writer *self);

// ---- reading ----

typedef struct log_record {
    int64_t unix_ns;
    int stream;
    bool partial;
    const char *bytes; ///< valid until the next read
    size_t length;
} log_record;

typedef struct log_reader log_reader;

/// Opens the log for reading from its oldest record, or from the nth last line (`last` >= 0), leaving out
/// records before since_ns. Blocks for the disk. A log that is not there yet is an empty one.
log_reader *log_reader_open(const char *folder, int64_t last, int64_t since_ns, holm_error **error);
/// 1: a record; 0: nothing more for now (call again when the folder changed); -1: an error.
int log_reader_next(log_reader *self, log_record *record, holm_error **error);
/// An inotify descriptor that becomes readable when there may be more, made at the first call; drained by
/// log_reader_next.
int log_reader_watch(log_reader *self, holm_error **error);
/// Accepts NULL.
void log_reader_close(log_reader *self);
