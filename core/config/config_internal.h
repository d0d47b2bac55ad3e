// What the files that check a configuration share.
#pragma once

#include "core/config/config.h"

typedef struct config_check {
    const char *path;
    const json_t *lines;
    config *config;
} config_check;

/// Sets an error that begins with file and line; `name` is the dotted key it is about. Returns -1.
int config_fail(const config_check *check, const char *name, holm_error **error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/// Whether `value` is right for the key `known` of the table; `name` is how the user has written it.
int config_check_value(const config_check *check, const char *known, const char *name, json_t *value,
                       holm_error **error);

// ---- config_commands.c ----

/// Checks the array of [[command]] tables and returns it made ready: see holm_configuration_get. The caller
/// owns it.
json_t *config_take_commands(const config_check *check, json_t *list, holm_error **error);
