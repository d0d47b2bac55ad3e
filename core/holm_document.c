#include "core/holm_document.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/text.h"

bool document_is_unsafe(const char *text) {
    uint32_t character;
    for (size_t left = strlen(text), size; left > 0; text += size, left -= size) {
        size = text_decode(text, left, &character);
        if (size == 0)
            return true;
        if (character != '\n' && text_is_unsafe(character))
            return true;
    }
    return false;
}

// JSON and TOML both write a character as \uXXXX (below U+10000, where all of them are but the tags).
static void append_safely(buffer *out, const char *text) {
    uint32_t character;
    for (size_t left = strlen(text), size; left > 0; text += size, left -= size) {
        size = text_decode(text, left, &character);
        if (size == 0)
            size = 1; // jansson has made sure of UTF-8
        else if (character != '\n' && text_is_unsafe(character) && character < 0x10000)
            buffer_append_format(out, "\\u%04x", (unsigned)character);
        else if (character < 0x10000 || !text_is_unsafe(character))
            buffer_append(out, text, size);
    }
}

char *document_json(const json_t *document, holm_error **error) {
    cleanup_free char *text = json_dumps(document, JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (!text) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "the document cannot be written as JSON");
        return NULL;
    }
    cleanup_buffer buffer out = BUFFER_INIT;
    append_safely(&out, text);
    buffer_append(&out, "\n", 1);
    return buffer_steal_text(&out);
}

// ---- TOML ----

static void append_text(buffer *out, const char *text) {
    buffer_append_text(out, "\"");
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\')
            buffer_append_format(out, "\\%c", *at);
        else if (*at == '\n')
            buffer_append_text(out, "\\n");
        else if (*at == '\t')
            buffer_append_text(out, "\\t");
        else if (*at < 0x20 || *at == 0x7f)
            buffer_append_format(out, "\\u%04x", *at);
        else
            buffer_append(out, at, 1);
    }
    buffer_append_text(out, "\"");
}

// Without quotes where it is of letters, digits, "_" and "-".
static void append_key(buffer *out, const char *key) {
    size_t plain = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    if (plain > 0 && key[plain] == 0)
        buffer_append_text(out, key);
    else
        append_text(out, key);
}

static void append_value(buffer *out, const json_t *value);

static void append_inline_array(buffer *out, const json_t *array) {
    size_t index;
    json_t *value;
    bool first = true;
    buffer_append_text(out, "[");
    json_array_foreach (array, index, value) {
        if (json_is_null(value))
            continue;
        buffer_append_text(out, first ? "" : ", ");
        append_value(out, value);
        first = false;
    }
    buffer_append_text(out, "]");
}

static void append_inline_table(buffer *out, const json_t *object) {
    const char *key;
    json_t *value;
    bool first = true;
    buffer_append_text(out, "{");
    json_object_foreach ((json_t *)object, key, value) {
        if (json_is_null(value))
            continue;
        buffer_append_text(out, first ? " " : ", ");
        append_key(out, key);
        buffer_append_text(out, " = ");
        append_value(out, value);
        first = false;
    }
    buffer_append_text(out, first ? "}" : " }");
}

static void append_value(buffer *out, const json_t *value) {
    if (json_is_string(value)) {
        append_text(out, json_string_value(value));
    } else if (json_is_array(value)) {
        append_inline_array(out, value);
    } else if (json_is_object(value)) {
        append_inline_table(out, value);
    } else {
        // Numbers and booleans are written as in JSON.
        cleanup_free char *text = json_dumps(value, JSON_ENCODE_ANY);
        buffer_append_text(out, text ? text : "0");
    }
}

static bool is_table_array(const json_t *value) {
    size_t index;
    json_t *element;
    if (json_array_size(value) == 0)
        return false;
    json_array_foreach (value, index, element)
        if (!json_is_object(element))
            return false;
    return true;
}

static void append_header(buffer *out, const char *path, bool array) {
    if (out->length > 0)
        buffer_append_text(out, "\n");
    buffer_append_format(out, array ? "[[%s]]\n" : "[%s]\n", path);
}

// Values first, then tables: a table takes all that follows it.
static void append_table(buffer *out, const char *path, const json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)object, key, value) {
        if (json_is_null(value) || json_is_object(value) || is_table_array(value))
            continue;
        append_key(out, key);
        buffer_append_text(out, " = ");
        append_value(out, value);
        buffer_append_text(out, "\n");
    }
    json_object_foreach ((json_t *)object, key, value) {
        if (!json_is_object(value) && !is_table_array(value))
            continue;
        cleanup_buffer buffer below = BUFFER_INIT;
        buffer_append_format(&below, "%s%s", path, *path ? "." : "");
        append_key(&below, key);
        if (json_is_object(value)) {
            append_header(out, buffer_text(&below), false);
            append_table(out, buffer_text(&below), value);
            continue;
        }
        size_t index;
        json_t *element;
        json_array_foreach (value, index, element) {
            append_header(out, buffer_text(&below), true);
            append_table(out, buffer_text(&below), element);
        }
    }
}

char *document_toml(const json_t *document, holm_error **error) {
    (void)error;
    cleanup_buffer buffer out = BUFFER_INIT;
    buffer_append(&out, NULL, 0);
    json_t *top = json_is_object(document)
                      ? json_incref((json_t *)document)
                      : json_pack("{s:O}", json_is_array(document) ? "items" : "value", document);
    append_table(&out, "", top);
    json_decref(top);
    cleanup_buffer buffer safe = BUFFER_INIT;
    append_safely(&safe, buffer_text(&out));
    return buffer_steal_text(&safe);
}
