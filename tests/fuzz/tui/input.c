// Bytes of a terminal to keys, in pieces as the first byte says.
#include <stdlib.h>

#include "tui/input.h"
#include "tui/line_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(const input_event *event, void *data) {
    line_edit_key(data, event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input_decoder decoder = {0};
    line_edit line = {0};
    size_t step = size ? data[0] % 17 + 1 : 1;
    for (size_t i = 1; i < size; i += step)
        input_feed(&decoder, (const char *)data + i, size - i < step ? size - i : step, take, &line);
    input_flush(&decoder, take, &line);
    if (line.length >= LINE_EDIT_SIZE || line.cursor > line.length ||
        decoder.length > sizeof(decoder.pending))
        abort();
    return 0;
}
