#include "core/registry/http_body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

#define PIECE (256u << 10)

struct http_body {
    uv_loop_t *loop;
    int fd;
    uint64_t offset, length, position; // position: the next byte to be taken
    uint64_t read_at;                  // what is being read, or was read last: a position
    size_t begin, end;                 // of what is in the piece and was not taken
    bool reading, wanted, failed, destroyed;
    uv_fs_t read;
    void (*ready)(void *data);
    void *data;
    char piece[PIECE];
};

static void body_free(http_body *self) {
    close(self->fd);
    free(self);
}

static void read_piece(http_body *self);

static void on_read(uv_fs_t *read) {
    http_body *self = read->data;
    int64_t count = read->result;
    uv_fs_req_cleanup(read);
    self->reading = false;
    if (self->destroyed) {
        body_free(self);
        return;
    }
    if (self->read_at != self->position) { // somebody has sought meanwhile
        read_piece(self);
        return;
    }
    self->failed = count <= 0;
    self->begin = 0;
    self->end = count > 0 ? (size_t)count : 0;
    if (self->wanted) {
        self->wanted = false;
        self->ready(self->data);
    }
}

static void read_piece(http_body *self) {
    uint64_t left = self->length - self->position;
    uv_buf_t piece = uv_buf_init(self->piece, left < PIECE ? (unsigned)left : PIECE);
    self->begin = self->end = 0;
    if (self->reading || left == 0)
        return;
    self->reading = true;
    self->read_at = self->position;
    self->read.data = self;
    uv_fs_read(self->loop, &self->read, self->fd, &piece, 1, (int64_t)(self->offset + self->position),
               on_read);
}

http_body *http_body_create(uv_loop_t *loop, int fd, uint64_t offset, uint64_t length,
                            void (*ready)(void *data), void *data) {
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return NULL;
    http_body *self = calloc(1, sizeof *self);
    self->loop = loop;
    self->fd = own;
    self->offset = offset;
    self->length = length;
    self->ready = ready;
    self->data = data;
    read_piece(self);
    return self;
}

void http_body_destroy(http_body *self) {
    if (!self)
        return;
    self->destroyed = true;
    if (!self->reading)
        body_free(self);
}

int64_t http_body_take(http_body *self, void *out, size_t room) {
    if (self->position == self->length)
        return 0;
    if (self->failed)
        return -2;
    if (self->begin == self->end) {
        self->wanted = true;
        return -1;
    }
    size_t count = self->end - self->begin < room ? self->end - self->begin : room;
    memcpy(out, self->piece + self->begin, count);
    self->begin += count;
    self->position += count;
    if (self->begin == self->end)
        read_piece(self);
    return (int64_t)count;
}

void http_body_seek(http_body *self, uint64_t position) {
    self->position = position < self->length ? position : self->length;
    self->failed = false;
    read_piece(self);
}
