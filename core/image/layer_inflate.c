#include "core/image/layer_inflate.h"

#include <isa-l/igzip_lib.h>
#include <string.h>
#include <zstd.h>

enum {
    INPUT_MOST = 1 << 30,
    WINDOW_LOG_MOST = 27, // what `zstd` itself takes without being told to; only such layers need the memory
};

typedef enum stream_state {
    INFLATE_BETWEEN, ///< at the start of a member or frame
    INFLATE_INSIDE,
    INFLATE_PADDING, ///< zeros behind the last member
} stream_state;

struct layer_inflate {
    layer_compression compression;
    stream_state state;
    bool started;
    struct inflate_state *gzip;
    ZSTD_DStream *zstd;
};

layer_inflate *layer_inflate_create(layer_compression compression, holm_error **error) {
    layer_inflate *self = calloc(1, sizeof *self);
    if (!self) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory to decompress");
        return NULL;
    }
    self->compression = compression;
    return self;
}

void layer_inflate_destroy(layer_inflate *self) {
    if (!self)
        return;
    ZSTD_freeDStream(self->zstd);
    free(self->gzip);
    free(self);
}

static layer_compression inflate_detect(const uint8_t *input, size_t length) {
    static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    if (length >= 2 && input[0] == 0x1f && input[1] == 0x8b)
        return LAYER_COMPRESSION_GZIP;
    // A skippable frame may come first: 0x184D2A50 to 0x184D2A5F.
    if (length >= 4 && (memcmp(input, zstd, 4) == 0 || ((input[0] & 0xf0) == 0x50 && input[1] == 0x2a &&
                                                        input[2] == 0x4d && input[3] == 0x18)))
        return LAYER_COMPRESSION_ZSTD;
    return LAYER_COMPRESSION_NONE;
}

static int inflate_start(layer_inflate *self, const uint8_t *input, size_t length, holm_error **error) {
    if (self->compression == LAYER_COMPRESSION_AUTO)
        self->compression = inflate_detect(input, length);
    if (self->compression == LAYER_COMPRESSION_GZIP) {
        self->gzip = calloc(1, sizeof *self->gzip);
        if (self->gzip)
            isal_inflate_init(self->gzip);
    } else if (self->compression == LAYER_COMPRESSION_ZSTD) {
        self->zstd = ZSTD_createDStream();
        if (self->zstd)
            ZSTD_DCtx_setParameter(self->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MOST);
    }
    if ((self->compression == LAYER_COMPRESSION_GZIP && !self->gzip) ||
        (self->compression == LAYER_COMPRESSION_ZSTD && !self->zstd)) {
        holm_error_set(error, HOLM_ERROR_NO_MEMORY, "no memory to decompress");
        return -1;
    }
    self->started = true;
    return 0;
}

static int gzip_step(layer_inflate *self, holm_error **error) {
    int code = isal_inflate(self->gzip);
    if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the gzip data is damaged (%d)", code);
        return -1;
    }
    if (self->gzip->block_state == ISAL_BLOCK_FINISH)
        self->state = INFLATE_BETWEEN;
    return 0;
}

/// Behind a member: another one, or zeros to the end, as tapes have them.
static int gzip_between(layer_inflate *self, holm_error **error) {
    struct inflate_state *gzip = self->gzip;
    bool first = gzip->block_state != ISAL_BLOCK_FINISH;
    if (self->state == INFLATE_BETWEEN && (first || *gzip->next_in)) {
        isal_inflate_reset(gzip);
        gzip->crc_flag = ISAL_GZIP;
        self->state = INFLATE_INSIDE;
        return 0;
    }
    self->state = INFLATE_PADDING;
    for (; gzip->avail_in; gzip->avail_in--)
        if (*gzip->next_in++) {
            holm_error_set(error, HOLM_ERROR_INTEGRITY, "there is garbage behind the gzip data");
            return -1;
        }
    return 0;
}

static int gzip_run(layer_inflate *self, const uint8_t *input, size_t *input_length, uint8_t *output,
                    size_t *output_length, holm_error **error) {
    struct inflate_state *gzip = self->gzip;
    gzip->next_in = (uint8_t *)input;
    gzip->avail_in = (uint32_t)*input_length;
    gzip->next_out = output;
    gzip->avail_out = (uint32_t)*output_length;
    // Without input it gives out what it held back for lack of room.
    if (self->state == INFLATE_INSIDE && gzip_step(self, error) < 0)
        return -1;
    while (gzip->avail_in && gzip->avail_out) {
        if (self->state != INFLATE_INSIDE && gzip_between(self, error) < 0)
            return -1;
        if (self->state == INFLATE_INSIDE && gzip_step(self, error) < 0)
            return -1;
    }
    *input_length -= gzip->avail_in;
    *output_length -= gzip->avail_out;
    return 0;
}

static int zstd_run(layer_inflate *self, const uint8_t *input, size_t *input_length, uint8_t *output,
                    size_t *output_length, holm_error **error) {
    ZSTD_inBuffer in = {.src = input, .size = *input_length};
    ZSTD_outBuffer out = {.dst = output, .size = *output_length};
    size_t code;
    do {
        if (in.pos == in.size && self->state == INFLATE_BETWEEN)
            break;
        size_t before_in = in.pos, before_out = out.pos;
        code = ZSTD_decompressStream(self->zstd, &out, &in);
        if (ZSTD_isError(code)) {
            holm_error_set(error, HOLM_ERROR_INTEGRITY, "the zstd data is damaged: %s",
                           ZSTD_getErrorName(code));
            return -1;
        }
        self->state = code ? INFLATE_INSIDE : INFLATE_BETWEEN;
        if (in.pos == before_in && out.pos == before_out)
            break;
    } while (out.pos < out.size);
    *input_length = in.pos;
    *output_length = out.pos;
    return 0;
}

int layer_inflate_run(layer_inflate *self, const uint8_t *input, size_t *input_length, uint8_t *output,
                      size_t *output_length, holm_error **error) {
    if (*input_length > INPUT_MOST)
        *input_length = INPUT_MOST;
    if (*output_length > INPUT_MOST)
        *output_length = INPUT_MOST;
    if (!self->started && inflate_start(self, input, *input_length, error) < 0)
        return -1;
    if (self->compression == LAYER_COMPRESSION_GZIP)
        return gzip_run(self, input, input_length, output, output_length, error);
    if (self->compression == LAYER_COMPRESSION_ZSTD)
        return zstd_run(self, input, input_length, output, output_length, error);
    size_t length = *input_length < *output_length ? *input_length : *output_length;
    memcpy(output, input, length);
    *input_length = *output_length = length;
    return 0;
}

int layer_inflate_end(const layer_inflate *self, holm_error **error) {
    bool compressed =
        self->compression == LAYER_COMPRESSION_GZIP || self->compression == LAYER_COMPRESSION_ZSTD;
    if (compressed && (!self->started || self->state == INFLATE_INSIDE)) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "the compressed data is cut off");
        return -1;
    }
    return 0;
}
