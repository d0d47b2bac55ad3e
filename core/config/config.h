// config.toml: what the user has chosen, checked against the table of known keys.
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

typedef enum config_type {
    CONFIG_STRING,
    CONFIG_STRINGS, ///< an array of strings
    CONFIG_BOOLEAN,
    CONFIG_INTEGER, ///< not negative
    CONFIG_NUMBER,  ///< above zero, may be a fraction
    CONFIG_SIZE,    ///< "1g", or an integer of bytes
    CONFIG_TABLE,   ///< an object of strings with keys of the user's own
} config_type;

typedef struct config_key {
    const char *name; ///< dotted: "container.cpus"; HOST in it is a name of the user's own
    config_type type;
    const char *standard; ///< the default as JSON text, or NULL
    const char *choices;  ///< the strings allowed, separated by blanks, or NULL
    const char *help;     ///< one sentence
} config_key;

extern const config_key config_keys[];
extern const size_t config_key_count;

typedef struct config config;

/// Reads $HOLM_CONFIG, or DIRECTORY/config.toml where that is not set. No file is a file of defaults, but one
/// that HOLM_CONFIG names must be there. An unknown key and a wrong type are errors that name file and line.
config *config_load(const char *directory, holm_error **error);
void config_destroy(config *self);

/// The value of a dotted key: the user's, or the default; NULL when there is neither. A section gives what
/// the user has set in it as an object of the rest of the keys ("keys" → {"container.stop": "s"}). Borrowed.
const json_t *config_get(const config *self, const char *key);
/// Of a CONFIG_SIZE key, in bytes; 0 when it is not set.
uint64_t config_get_size(const config *self, const char *key);

CLEANUP_DEFINE(config, config_cleanup, config_destroy)
#define cleanup_config cleanup(config_cleanup)
