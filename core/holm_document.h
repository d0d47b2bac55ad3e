// Documents as text, one printer a format. The caller frees the text.
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "core/base/error.h"

// Whatever the format: characters that a terminal would obey are written as escapes of that format.

/// Whether a text in UTF-8 has characters that a terminal should not see raw (other than newlines).
bool document_is_unsafe(const char *text);

char *document_json(const json_t *document, holm_error **error);
/// YAML 1.1 by libyaml; texts that would read as something else are quoted.
char *document_yaml(const json_t *document, holm_error **error);
/// TOML 1.0. What TOML cannot say: null is left out; an array at the top becomes the array of tables "items";
/// another value at the top becomes "value".
char *document_toml(const json_t *document, holm_error **error);
