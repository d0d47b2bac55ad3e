#include "core/config/config_internal.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/base/text.h"
#include "core/config/toml.h"

struct config {
    json_t *values;   // dotted key → value, checked; tables as one object
    json_t *sections; // section → object of what the user has set in it
    json_t *standard; // dotted key → default
};

static const config_key *find_key(const char *name) {
    for (size_t i = 0; i < config_key_count; i++)
        if (strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    return NULL;
}

static bool is_section(const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < config_key_count; i++)
        if (strncmp(config_keys[i].name, name, length) == 0 && config_keys[i].name[length] == '.')
            return true;
    return false;
}

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

// Edit distance (Levenshtein), for texts of at most 63 bytes.
static size_t distance(const char *a, const char *b) {
    size_t row[64], length = strlen(b);
    if (strlen(a) > 63 || length > 63)
        return 64;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= length; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[length];
}

static const char *nearest(const char *name) {
    const char *best = NULL;
    size_t least = 4; // further away is no typing error
    for (size_t i = 0; i < config_key_count; i++) {
        size_t away = distance(name, config_keys[i].name);
        if (away < least) {
            least = away;
            best = config_keys[i].name;
        }
    }
    return best;
}

static int line_of(const config_check *check, const char *name) {
    return (int)json_integer_value(json_object_get(check->lines, name));
}

static int fail_unknown(const config_check *check, const char *name, holm_error **error) {
    cleanup_free char *safe = text_escape(name, strlen(name));
    holm_error_set(error, HOLM_ERROR_INVALID, "%s:%d: unknown key %s", check->path, line_of(check, name),
                   safe);
    const char *guess = nearest(name);
    if (guess)
        holm_error_hint(error, "did you mean %s?", guess);
    else
        holm_error_hint(error, "docs/config.md lists the keys");
    return -1;
}

static bool all_strings(const json_t *container) {
    size_t index;
    const char *key;
    json_t *value;
    if (json_is_array(container))
        json_array_foreach (container, index, value)
            if (!json_is_string(value))
                return false;
    if (json_is_object(container))
        json_object_foreach ((json_t *)container, key, value)
            if (!json_is_string(value))
                return false;
    return true;
}

static bool is_choice(const char *choices, const char *text) {
    size_t length = strlen(text);
    for (const char *at = choices; *at; at += strspn(at, " ")) {
        size_t next = strcspn(at, " ");
        if (next == length && strncmp(at, text, length) == 0)
            return true;
        at += next;
    }
    return false;
}

// "0-16"; without a range, what is not negative.
static bool is_in_range(const char *range, long long value) {
    long long least = 0, most = LLONG_MAX;
    if (range)
        sscanf(range, "%lld-%lld", &least, &most);
    return value >= least && value <= most;
}

// NULL when the value is right; else what it should be.
static const char *wrong(const config_key *key, const json_t *value) {
    uint64_t bytes;
    switch (key->type) {
    case CONFIG_STRING:
        if (key->choices && (!json_is_string(value) || !is_choice(key->choices, json_string_value(value))))
            return "one of these texts";
        return json_is_string(value) ? NULL : "a text";
    case CONFIG_STRINGS:
        return json_is_array(value) && all_strings(value) ? NULL : "an array of texts";
    case CONFIG_BOOLEAN:
        return json_is_boolean(value) ? NULL : "true or false";
    case CONFIG_INTEGER:
        return json_is_integer(value) && is_in_range(key->choices, json_integer_value(value))
                   ? NULL
                   : "a whole number, not negative";
    case CONFIG_NUMBER:
        return json_is_number(value) && json_number_value(value) > 0 ? NULL : "a number above zero";
    case CONFIG_SIZE:
        if (json_is_integer(value) && json_integer_value(value) > 0)
            return NULL;
        return json_is_string(value) && text_parse_bytes(json_string_value(value), &bytes)
                   ? NULL
                   : "a size like \"512m\" or \"1g\"";
    case CONFIG_TABLE:
        return json_is_object(value) && all_strings(value) ? NULL : "a table of texts";
    }
    return "something else";
}

int config_fail(const config_check *check, const char *name, holm_error **error, const char *format, ...) {
    va_list arguments;
    cleanup_free char *text = NULL;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    holm_error_set(error, HOLM_ERROR_INVALID, "%s:%d: %s", check->path, line_of(check, name), text);
    return -1;
}

int config_check_value(const config_check *check, const char *known, const char *name, json_t *value,
                       holm_error **error) {
    const config_key *key = find_key(known);
    if (!key)
        return fail_unknown(check, name, error);
    const char *expected = wrong(key, value);
    if (!expected)
        return 0;
    return config_fail(check, name, error, "%s must be %s%s%s", name, expected, key->choices ? ": " : "",
                       key->choices ? key->choices : "");
}

static int take_value_as(const config_check *check, const char *known, const char *name, json_t *value,
                         holm_error **error) {
    if (config_check_value(check, known, name, value, error) < 0)
        return -1;
    json_object_set(check->config->values, name, value);
    return 0;
}

static int take_value(const config_check *check, const char *name, json_t *value, holm_error **error) {
    return take_value_as(check, name, name, value, error);
}

// [registry."docker.io"]: the keys of one host.
static int take_host(const config_check *check, const char *section, const char *host, json_t *table,
                     holm_error **error) {
    const char *key;
    json_t *value;
    json_object_foreach (table, key, value) {
        cleanup_free char *known = path_format("%s.HOST.%s", section, key);
        cleanup_free char *name = path_format("%s.%s.%s", section, host, key);
        if (take_value_as(check, known, name, value, error) < 0)
            return -1;
    }
    return 0;
}

// A table of the user's own keys: {"a": {"b": "c"}} is "a.b" = "c", however it was written.
static void flatten(json_t *out, const char *prefix, json_t *table) {
    const char *name;
    json_t *value;
    json_object_foreach (table, name, value) {
        cleanup_free char *full = path_format("%s%s%s", prefix, *prefix ? "." : "", name);
        if (json_is_object(value))
            flatten(out, full, value);
        else
            json_object_set(out, full, value);
    }
}

static int take_section(const config_check *check, const char *section, json_t *table, holm_error **error) {
    const char *name;
    json_t *value;
    json_object_foreach (table, name, value) {
        cleanup_free char *full = path_format("%s.%s", section, name);
        bool host = strcmp(section, "registry") == 0 && json_is_object(value);
        if (host ? take_host(check, section, name, value, error) < 0
                 : take_value(check, full, value, error) < 0)
            return -1;
    }
    json_object_set(check->config->sections, section, table);
    return 0;
}

static int take_commands(const config_check *check, json_t *value, holm_error **error) {
    json_t *commands = config_take_commands(check, value, error);
    if (!commands)
        return -1;
    json_object_set_new(check->config->values, "command", commands);
    return 0;
}

static int take_document(const config_check *check, json_t *document, holm_error **error) {
    const char *name;
    json_t *value;
    json_object_foreach (document, name, value) {
        const config_key *key = find_key(name);
        int result;
        if (strcmp(name, "command") == 0) {
            result = take_commands(check, value, error);
        } else if (key && key->type == CONFIG_TABLE && json_is_object(value)) {
            json_t *flat = json_object();
            flatten(flat, "", value);
            result = take_value(check, name, flat, error);
            json_decref(flat);
        } else if (is_section(name) && json_is_object(value)) {
            result = take_section(check, name, value, error);
        } else {
            result = take_value(check, name, value, error);
        }
        if (result < 0)
            return -1;
    }
    return 0;
}

// What the names under [keys] mean is known to the dashboard alone, which then says where they are.
static void keep_origins(const config_check *check) {
    json_t *origins = json_object();
    const char *name;
    json_t *value;
    json_object_foreach (json_object_get(check->config->values, "keys"), name, value) {
        cleanup_free char *place = path_format("keys.%s", name);
        json_object_set_new(origins, name,
                            json_sprintf("%s:%d", check->path,
                                         (int)json_integer_value(json_object_get(check->lines, place))));
    }
    json_object_set_new(check->config->values, "keys.origin", origins);
}

static int read_file(config *self, const char *path, holm_error **error) {
    json_t *lines = NULL;
    json_t *document = toml_read(path, &lines, error);
    if (!document)
        return -1;
    config_check check = {.path = path, .lines = lines, .config = self};
    int result = take_document(&check, document, error);
    if (result == 0)
        keep_origins(&check);
    json_decref(document);
    json_decref(lines);
    return result;
}

config *config_load(const char *directory, holm_error **error) {
    config *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->values = json_object();
    self->sections = json_object();
    self->standard = json_object();
    for (size_t i = 0; i < config_key_count; i++)
        if (config_keys[i].standard)
            json_object_set_new(self->standard, config_keys[i].name,
                                json_loads(config_keys[i].standard, JSON_DECODE_ANY, NULL));
    const char *chosen = getenv("HOLM_CONFIG");
    cleanup_free char *path = chosen && *chosen ? strdup(chosen) : path_join(directory, "config.toml", NULL);
    bool needed = chosen && *chosen;
    if ((needed || access(path, F_OK) == 0) && read_file(self, path, error) < 0) {
        config_destroy(self);
        return NULL;
    }
    return self;
}

void config_destroy(config *self) {
    if (!self)
        return;
    json_decref(self->values);
    json_decref(self->sections);
    json_decref(self->standard);
    free(self);
}

const json_t *config_get(const config *self, const char *key) {
    const json_t *value = json_object_get(self->values, key);
    if (!value)
        value = json_object_get(self->sections, key);
    return value ? value : json_object_get(self->standard, key);
}

uint64_t config_get_size(const config *self, const char *key) {
    const json_t *value = config_get(self, key);
    uint64_t bytes = 0;
    if (json_is_integer(value))
        return (uint64_t)json_integer_value(value);
    if (json_is_string(value))
        text_parse_bytes(json_string_value(value), &bytes);
    return bytes;
}
