// What the shim says: HTTP/2 frames (RFC 9113, section 4), in which only the calls matter. Their headers are
// decoded by nghttp2 (RFC 7541), as the shim's own are made by it.
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/vm/hostile/hostile.h"

#define CALLS_MOST 64

typedef struct call {
    char method[32];
    uint32_t stream;
} call;

static nghttp2_hd_inflater *headers;
static call waiting[CALLS_MOST]; // those that came before they were waited for
static unsigned waiting_count;

static void need(bool good, const char *what) {
    if (good)
        return;
    printf("the shim cannot be understood: %s\n", what);
    fflush(stdout);
    exit(1);
}

static void receive(int fd, void *out, size_t length) {
    need(length == 0 || recv(fd, out, length, MSG_WAITALL) == (ssize_t)length, "it has hung up");
}

void calls_begin(int fd) {
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; // section 3.4
    char got[sizeof preface - 1];
    receive(fd, got, sizeof got);
    need(memcmp(got, preface, sizeof got) == 0, "no HTTP/2");
    need(nghttp2_hd_inflate_new(&headers) == 0, "no memory");
}

// Notes the call that a block of headers opens, by the last part of its :path.
static void note(uint32_t stream, const uint8_t *block, size_t length) {
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t done = nghttp2_hd_inflate_hd2(headers, &field, &flags, block, length, 1);
        need(done >= 0, "headers");
        block += done;
        length -= (size_t)done;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) && field.namelen == 5 && memcmp(field.name, ":path", 5) == 0) {
            const uint8_t *slash = memrchr(field.value, '/', field.valuelen);
            need(slash && waiting_count < CALLS_MOST, "a path");
            call *one = &waiting[waiting_count++];
            one->stream = stream;
            snprintf(one->method, sizeof one->method, "%.*s", (int)(field.value + field.valuelen - slash - 1),
                     slash + 1);
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            break;
        need(length > 0 || (flags & NGHTTP2_HD_INFLATE_EMIT), "headers in pieces");
    }
    nghttp2_hd_inflate_end_headers(headers);
}

static void read_frame(int fd) {
    uint8_t head[9], payload[16384];
    receive(fd, head, sizeof head);
    size_t length = (size_t)(head[0] << 16 | head[1] << 8 | head[2]);
    need(length <= sizeof payload, "a frame that is too long");
    receive(fd, payload, length);
    if (head[3] == NGHTTP2_SETTINGS && !(head[4] & NGHTTP2_FLAG_ACK))
        frame_send(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
    if (head[3] != NGHTTP2_HEADERS)
        return;
    size_t before = head[4] & NGHTTP2_FLAG_PRIORITY ? 5 : 0;
    need((head[4] & NGHTTP2_FLAG_END_HEADERS) && !(head[4] & NGHTTP2_FLAG_PADDED) && length >= before,
         "headers");
    note((uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8],
         payload + before, length - before);
}

uint32_t call_wait(int fd, const char *method) {
    for (;;) {
        for (unsigned i = 0; i < waiting_count; i++) {
            uint32_t stream = waiting[i].stream;
            if (strcmp(waiting[i].method, method) != 0)
                continue;
            memmove(&waiting[i], &waiting[i + 1], (--waiting_count - i) * sizeof waiting[0]);
            return stream;
        }
        read_frame(fd);
    }
}
