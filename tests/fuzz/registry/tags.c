// A page of tags: what is taken is a tag by its letters, and no more than was asked for.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/registry/registry_tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *tags = json_array();
    registry_tags_parse((const char *)data, size, tags, 3, NULL);
    if (json_array_size(tags) > 3)
        abort();
    size_t index;
    json_t *tag;
    json_array_foreach (tags, index, tag)
        if (!json_is_string(tag) || strpbrk(json_string_value(tag), "/: \n\x1b") || !*json_string_value(tag))
            abort();
    json_decref(tags);
    return 0;
}
