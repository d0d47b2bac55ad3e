// Reads TOML 1.0 files (by toml++). The parser itself is C++ and stays behind this header.
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "core/base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TOML_FILE_MAX (1u << 20)

/// Reads the file as a document of objects, arrays, strings, integers, reals and booleans; dates and times
/// are strings. *lines (may be NULL) becomes an object of dotted key → line number, for every key and table.
/// A syntax error names file and line. The caller owns both.
json_t *toml_read(const char *path, json_t **lines, holm_error **error);

/// The same from memory; `path` is for the errors.
json_t *toml_parse(const char *text, size_t length, const char *path, json_t **lines, holm_error **error);

#ifdef __cplusplus
}
#endif
