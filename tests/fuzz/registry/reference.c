// References: what is accepted is normal, and stays the same when it is parsed again.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cleanup_free char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    cleanup_image_reference image_reference first = {0}, second = {0};
    if (image_reference_parse(text, NULL, &first, NULL) < 0)
        return 0;
    cleanup_free char *canonical = image_reference_canonical(&first),
                      *familiar = image_reference_familiar(&first);
    if (image_reference_parse(canonical, NULL, &second, NULL) < 0)
        abort();
    cleanup_free char *again = image_reference_canonical(&second);
    image_reference_finish(&second);
    if (strcmp(canonical, again) != 0 || image_reference_parse(familiar, NULL, &second, NULL) < 0)
        abort();
    cleanup_free char *from_familiar = image_reference_canonical(&second);
    if (strcmp(canonical, from_familiar) != 0)
        abort();
    return 0;
}
