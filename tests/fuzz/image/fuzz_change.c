// Lines of a Dockerfile, one after the other, onto one configuration.
#include <string.h>

#include "core/image/archive_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    cleanup_archive_json json_t *config = json_object();
    cleanup_free char *text = strndup((const char *)bytes, size);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        archive_change_apply(config, line, NULL);
    return 0;
}
