// Link and Retry-After: whatever comes, what is taken is a part of it, and no wait is longer than its bound.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/registry/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cleanup_free char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    cleanup_free char *next = header_link_next(text);
    if (next && (!*next || !strstr(text, next)))
        abort();
    if (header_retry_after_ms(text, 0) > HEADER_RETRY_AFTER_MS)
        abort();
    return 0;
}
