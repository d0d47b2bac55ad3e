// WWW-Authenticate: whatever comes, what is taken can be answered.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/registry/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cleanup_free char *header = malloc(size + 1);
    memcpy(header, data, size);
    header[size] = 0;
    cleanup_challenge challenge it = {0};
    challenge_read(&it, header);
    challenge_scheme before = it.scheme;
    challenge_read(&it, header);
    if (it.scheme != before || (it.scheme == CHALLENGE_BEARER && !it.realm))
        abort();
    return 0;
}
