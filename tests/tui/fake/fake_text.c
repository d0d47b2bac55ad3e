// The text functions of libholm, from the same ground floor that the real ones stand on.
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/config/toml.h"
#include "tests/tui/fake/fake_holm.h"

char *holm_text_escape(const char *text, size_t length) {
    return text_escape(text, length);
}

const char *holm_text_bytes(uint64_t bytes, char *out, size_t size) {
    return text_bytes(bytes, out, size);
}

const char *holm_text_duration(int64_t seconds, char *out, size_t size) {
    return text_duration(seconds, out, size);
}

char *holm_text_document(const json_t *document, const char *format, holm_error **error) {
    (void)format;
    (void)error;
    return json_dumps(document, JSON_INDENT(2) | JSON_ENCODE_ANY);
}

json_t *holm_configuration_read(const char *path, json_t **lines, holm_error **error) {
    return toml_read(path, lines, error);
}
