// Text for front ends.
#include <string.h>

#include "core/base/text.h"
#include "core/base/time.h"
#include "core/holm_document.h"
#include "core/holm_internal.h"

char *holm_text_escape(const char *text, size_t length) {
    return text_escape(text, length);
}

const char *holm_text_bytes(uint64_t bytes, char *out, size_t size) {
    return text_bytes(bytes, out, size);
}

const char *holm_text_duration(int64_t seconds, char *out, size_t size) {
    return text_duration(seconds, out, size);
}

bool holm_text_parse_bytes(const char *text, uint64_t *bytes) {
    return text_parse_bytes(text, bytes);
}

bool holm_text_parse_time(const char *text, int64_t *unix_ns) {
    int64_t ago;
    if (time_parse(text, unix_ns))
        return true;
    if (!time_parse_duration(text, &ago))
        return false;
    *unix_ns = time_now_ns() - ago;
    return true;
}

const char *holm_text_time(int64_t unix_ns, char *out, size_t size) {
    char text[TIME_TEXT_SIZE];
    snprintf(out, size, "%s", time_format(unix_ns, text));
    return out;
}

char *holm_text_document(const json_t *document, const char *format, holm_error **error) {
    static const struct {
        const char *name;
        char *(*print)(const json_t *document, holm_error **error);
    } formats[] = {{"json", document_json}, {"yaml", document_yaml}, {"toml", document_toml}};
    for (size_t i = 0; i < array_length(formats); i++)
        if (strcmp(formats[i].name, format) == 0)
            return formats[i].print(document, error);
    cleanup_free char *safe = text_escape(format, strlen(format));
    holm_error_set(error, HOLM_ERROR_INVALID, "there is no output format \"%s\"", safe);
    holm_error_hint(error, "the formats are json, yaml and toml");
    return NULL;
}

bool holm_text_parse_duration(const char *text, int64_t *ns) {
    return time_parse_duration(text, ns);
}
