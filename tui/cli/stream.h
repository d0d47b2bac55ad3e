// A standard stream of ours, without blocking, whatever it is: terminal, pipe, socket or file.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "core/holm.h"

typedef struct stream stream;

// ---- input ----
/// Bytes have come; length 0: the end.
typedef void (*stream_input)(stream *self, const char *bytes, size_t length, void *data);
stream *stream_read(uv_loop_t *loop, int fd, stream_input input, void *data);
void stream_stop_reading(stream *self);
void stream_go_on_reading(stream *self);

// ---- output ----
/// What was queued has been written (after stream_write has returned false), or (`broken`, an errno) cannot
/// be written any more.
typedef void (*stream_drained)(stream *self, int broken, void *data);
stream *stream_open_output(uv_loop_t *loop, int fd, stream_drained drained, void *data);
/// Writes what can be written now and keeps the rest. Returns false when the producer has to wait.
bool stream_write(stream *self, const void *bytes, size_t length);
bool stream_pending(const stream *self);

/// Lets go of it; what is still queued is dropped. Accepts NULL.
void stream_close(stream *self);
