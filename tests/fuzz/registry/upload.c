// Where an upload goes on and how much has arrived, as a hostile registry says it: what is taken stays on
// http and https, never goes from https to http, carries no password, and no number is past its bound.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/registry/registry_upload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void follow(const char *base, const char *location, bool plain_too) {
    cleanup_free char *url = registry_upload_location(base, location, NULL);
    if (!url)
        return;
    bool secure = strncmp(url, "https://", 8) == 0, plain = strncmp(url, "http://", 7) == 0;
    if ((!secure && !(plain && plain_too)) || strchr(url, '#'))
        abort();
    const char *host = strstr(url, "//") + 2;
    if (memchr(host, '@', strcspn(host, "/?")))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cleanup_free char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    uint64_t next = 0;
    if (registry_upload_range(text, &next, NULL) == 0 && next > UINT64_C(1000000000000000000))
        abort();
    follow("https://a.test/v2/b/blobs/uploads/", text, false);
    follow("http://a.test/v2/b/blobs/uploads/", text, true);
    return 0;
}
