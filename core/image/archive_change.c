// Lines of a Dockerfile that change a configuration (docs.docker.com/reference/dockerfile).
#include <ctype.h>
#include <string.h>

#include "core/image/archive_private.h"

enum { LINE_MOST = 65536 };

/// The next word, quotes and backslashes taken away. NULL at the end; *bad for a quote that never ends. The
/// caller frees it.
static char *word_next(const char **line, bool *bad) {
    cleanup_buffer buffer word = BUFFER_INIT;
    const char *at = *line + strspn(*line, " \t");
    char quote = 0;
    *bad = false;
    if (!*at) {
        *line = at;
        return NULL;
    }
    for (; *at && (quote || (*at != ' ' && *at != '\t')); at++) {
        if (quote ? *at == quote : *at == '"' || *at == '\'') {
            quote = quote ? 0 : *at;
            continue;
        }
        if (*at == '\\' && quote != '\'' && at[1])
            at++;
        buffer_append(&word, at, 1);
    }
    *bad = quote != 0;
    *line = at;
    return buffer_steal_text(&word);
}

static int change_fail(holm_error **error, const char *line, const char *why) {
    holm_error_set(error, HOLM_ERROR_INVALID, "the change \"%.200s\": %s", line, why);
    return -1;
}

/// All words, or the strings of a JSON array. NULL when it is neither.
static json_t *words_of(const char *text, bool *json) {
    json_t *words = *text == '[' ? json_loads(text, 0, NULL) : NULL;
    size_t i;
    json_t *word;
    *json = json_is_array(words);
    json_array_foreach (words, i, word)
        *json = *json && json_is_string(word);
    if (*json)
        return words;
    json_decref(words);
    words = json_array();
    bool bad;
    for (char *next; (next = word_next(&text, &bad)); free(next)) {
        if (bad || json_array_append_new(words, json_string(next)) < 0) {
            free(next);
            json_decref(words);
            return NULL;
        }
    }
    return words;
}

/// CMD and ENTRYPOINT: an array as it is, or a line for the shell.
static int change_command(json_t *config, const char *key, const char *text, holm_error **error) {
    bool json;
    cleanup_archive_json json_t *words = words_of(text, &json);
    if (json)
        return json_object_set(config, key, words);
    json_t *shell = json_pack("[s, s, s]", "/bin/sh", "-c", text);
    if (!shell)
        return change_fail(error, text, "it is no UTF-8");
    return json_object_set_new(config, key, shell);
}

static json_t *member_of(json_t *config, const char *key, json_t *empty) {
    json_t *member = json_object_get(config, key);
    if (member) {
        json_decref(empty);
        return member;
    }
    json_object_set_new(config, key, empty);
    return json_object_get(config, key);
}

/// A variable takes the place of one of the same name.
static void environment_set(json_t *list, const char *pair) {
    size_t length = strcspn(pair, "=") + 1, i;
    json_t *old;
    json_array_foreach (list, i, old)
        if (strncmp(json_string_value(old), pair, length) == 0) {
            json_array_set_new(list, i, json_string(pair));
            return;
        }
    json_array_append_new(list, json_string(pair));
}

/// ENV and LABEL: name=value …, or for ENV the old form with a space.
static int change_pairs(json_t *config, const char *key, const char *line, const char *text,
                        holm_error **error) {
    bool json, labels = strcmp(key, "Labels") == 0;
    cleanup_archive_json json_t *words = words_of(text, &json);
    json_t *member = member_of(config, key, labels ? json_object() : json_array());
    size_t name = strcspn(text, " \t="), i;
    json_t *word;
    if (!words || json || !json_array_size(words))
        return change_fail(error, line, "it needs name=value");
    if (text[name] != '=' && text[name]) {
        const char *value = text + name + strspn(text + name, " \t");
        cleanup_free char *pair = NULL;
        if (labels || asprintf(&pair, "%.*s=%s", (int)name, text, value) < 0)
            return change_fail(error, line, "it needs name=value");
        environment_set(member, pair);
        return 0;
    }
    json_array_foreach (words, i, word) {
        const char *pair = json_string_value(word), *equals = strchr(pair, '=');
        if (!equals || equals == pair)
            return change_fail(error, line, "it needs name=value");
        if (!labels) {
            environment_set(member, pair);
            continue;
        }
        cleanup_free char *label = strndup(pair, (size_t)(equals - pair));
        json_object_set_new(member, label, json_string(equals + 1));
    }
    return 0;
}

static bool port_is_valid(const char *text) {
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || !port || port > 65535)
        return false;
    if (*end == '-') { // a range
        unsigned long last = isdigit((unsigned char)end[1]) ? strtoul(end + 1, &end, 10) : 0;
        if (last < port || last > 65535)
            return false;
    }
    return !*end || strcmp(end, "/tcp") == 0 || strcmp(end, "/udp") == 0 || strcmp(end, "/sctp") == 0;
}

/// EXPOSE and VOLUME: sets, as objects with empty values.
static int change_set(json_t *config, const char *key, const char *line, const char *text,
                      holm_error **error) {
    bool json, ports = strcmp(key, "ExposedPorts") == 0;
    cleanup_archive_json json_t *words = words_of(text, &json);
    json_t *member = member_of(config, key, json_object());
    size_t i;
    json_t *word;
    if (!json_array_size(words))
        return change_fail(error, line, "it needs a value");
    json_array_foreach (words, i, word) {
        const char *value = json_string_value(word);
        cleanup_free char *name = NULL;
        if (ports ? !port_is_valid(value) : !*value)
            return change_fail(error, line, ports ? "it needs ports, like 80 or 53/udp" : "it needs a path");
        if (asprintf(&name, "%s%s", value, ports && !strchr(value, '/') ? "/tcp" : "") < 0)
            abort();
        json_object_set_new(member, name, json_object());
    }
    return 0;
}

static int change_text(json_t *config, const char *key, const char *line, const char *text,
                       holm_error **error) {
    json_t *value = *text ? json_string(text) : NULL;
    if (!value)
        return change_fail(error, line, "it needs a value");
    return json_object_set_new(config, key, value);
}

/// A relative folder goes on from the one before.
static int change_directory(json_t *config, const char *line, const char *text, holm_error **error) {
    const char *before = json_string_value(json_object_get(config, "WorkingDir"));
    cleanup_free char *path = NULL;
    if (*text == '/' || !*text)
        return change_text(config, "WorkingDir", line, text, error);
    size_t length = before ? strlen(before) : 0;
    while (length && before[length - 1] == '/')
        length--;
    if (asprintf(&path, "%.*s/%s", (int)length, before ? before : "", text) < 0)
        abort();
    return change_text(config, "WorkingDir", line, path, error);
}

int archive_change_apply(json_t *config, const char *line, holm_error **error) {
    cleanup_free char *copy = strndup(line, LINE_MOST);
    char *word = copy + strspn(copy, " \t"), *text = word + strcspn(word, " \t=");
    if (strlen(line) > LINE_MOST || *text == '=')
        return change_fail(error, line, *text == '=' ? "there is no such instruction" : "it is too long");
    if (*text)
        *text++ = 0;
    text += strspn(text, " \t");
    for (size_t end = strlen(text); end && strchr(" \t\r\n", text[end - 1]);)
        text[--end] = 0;
    if (strcasecmp(word, "CMD") == 0)
        return change_command(config, "Cmd", text, error);
    if (strcasecmp(word, "ENTRYPOINT") == 0)
        return change_command(config, "Entrypoint", text, error);
    if (strcasecmp(word, "ENV") == 0)
        return change_pairs(config, "Env", line, text, error);
    if (strcasecmp(word, "LABEL") == 0)
        return change_pairs(config, "Labels", line, text, error);
    if (strcasecmp(word, "EXPOSE") == 0)
        return change_set(config, "ExposedPorts", line, text, error);
    if (strcasecmp(word, "VOLUME") == 0)
        return change_set(config, "Volumes", line, text, error);
    if (strcasecmp(word, "USER") == 0)
        return change_text(config, "User", line, text, error);
    if (strcasecmp(word, "STOPSIGNAL") == 0)
        return change_text(config, "StopSignal", line, text, error);
    if (strcasecmp(word, "WORKDIR") == 0)
        return change_directory(config, line, text, error);
    return change_fail(error, line, "there is no such instruction");
}
