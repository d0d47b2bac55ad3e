// The bytes of a request that come from a file: read a piece at a time on one of uv's workers, so that a disk
// never blocks the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

typedef struct http_body http_body;

/// `length` bytes of fd from `offset` on; fd is the caller's and may be closed after the call. `ready` comes
/// from the loop when bytes are there that http_body_take had to do without. NULL with errno.
http_body *http_body_create(uv_loop_t *loop, int fd, uint64_t offset, uint64_t length,
                            void (*ready)(void *data), void *data);
/// `ready` does not come any more. Accepts NULL.
void http_body_destroy(http_body *self);
/// Copies the next bytes: how many, 0 at the end, -1 when none are there yet, -2 when the file cannot be read
/// or is shorter than it was said to be.
int64_t http_body_take(http_body *self, void *out, size_t room);
/// Goes on at this byte, counted from the body's first.
void http_body_seek(http_body *self, uint64_t position);
