// Decompression of a stream: gzip (RFC 1952, any number of members), zstd (RFC 8878, any number of frames),
// or none.
#pragma once

#include "core/image/layer.h"

typedef struct layer_inflate layer_inflate;

layer_inflate *layer_inflate_create(layer_compression compression, holm_error **error);
void layer_inflate_destroy(layer_inflate *self);
CLEANUP_DEFINE(layer_inflate, layer_inflate_cleanup, layer_inflate_destroy)

/// Turns some of the input into some output; *input_length and *output_length are given as what there is and
/// answered as what was used. Call again while the output was filled or input is left. AUTO decides by the
/// first input, which must hold at least 4 bytes unless that is all there is.
int layer_inflate_run(layer_inflate *self, const uint8_t *input, size_t *input_length, uint8_t *output,
                      size_t *output_length, holm_error **error);

/// After the last input: -1 and INTEGRITY when the stream was cut off.
int layer_inflate_end(const layer_inflate *self, holm_error **error);
