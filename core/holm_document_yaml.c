#include <string.h>
#include <yaml.h>

#include "core/base/buffer.h"
#include "core/holm_document.h"

static int write_to_buffer(void *data, unsigned char *bytes, size_t length) {
    buffer_append(data, bytes, length);
    return 1;
}

// Plain texts that a YAML reader would take for something else.
static bool needs_quotes(const char *text) {
    if (strchr(text, '\n') || document_is_unsafe(text))
        return true;
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "~", ""};
    for (size_t i = 0; i < array_length(words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return strspn(text, "0123456789+-.:_eExXoOabcdefABCDEFTZ") == strlen(text) &&
           strpbrk(text, "0123456789.") != NULL;
}

static bool emit_text(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style) {
    yaml_event_t event;
    return yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)text, (int)strlen(text), 1, 1,
                                        style) &&
           yaml_emitter_emit(emitter, &event);
}

static bool emit_value(yaml_emitter_t *emitter, const json_t *value);

static bool emit_array(yaml_emitter_t *emitter, const json_t *array) {
    yaml_event_t event;
    yaml_sequence_style_t style =
        json_array_size(array) ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
    if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style) ||
        !yaml_emitter_emit(emitter, &event))
        return false;
    size_t index;
    json_t *value;
    json_array_foreach (array, index, value)
        if (!emit_value(emitter, value))
            return false;
    return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_string(yaml_emitter_t *emitter, const char *text) {
    return emit_text(emitter, text,
                     needs_quotes(text) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE);
}

static bool emit_object(yaml_emitter_t *emitter, const json_t *object) {
    yaml_event_t event;
    yaml_mapping_style_t style =
        json_object_size(object) ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
    if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style) ||
        !yaml_emitter_emit(emitter, &event))
        return false;
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)object, key, value)
        if (!emit_string(emitter, key) || !emit_value(emitter, value))
            return false;
    return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_value(yaml_emitter_t *emitter, const json_t *value) {
    if (json_is_object(value))
        return emit_object(emitter, value);
    if (json_is_array(value))
        return emit_array(emitter, value);
    if (json_is_string(value))
        return emit_string(emitter, json_string_value(value));
    cleanup_free char *text = json_dumps(value, JSON_ENCODE_ANY); // numbers, true, false, null
    return text && emit_text(emitter, text, YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_document(yaml_emitter_t *emitter, const json_t *document) {
    yaml_event_t event;
    return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
           yaml_emitter_emit(emitter, &event) &&
           yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
           yaml_emitter_emit(emitter, &event) && emit_value(emitter, document) &&
           yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(emitter, &event) &&
           yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

char *document_yaml(const json_t *document, holm_error **error) {
    cleanup_buffer buffer out = BUFFER_INIT;
    yaml_emitter_t emitter;
    if (!yaml_emitter_initialize(&emitter))
        abort();
    yaml_emitter_set_output(&emitter, write_to_buffer, &out);
    // With what a terminal would obey in it, all that is not ASCII is written as escapes.
    cleanup_free char *plain = json_dumps(document, JSON_ENCODE_ANY | JSON_COMPACT);
    yaml_emitter_set_unicode(&emitter, plain && !document_is_unsafe(plain));
    yaml_emitter_set_width(&emitter, -1);
    bool done = emit_document(&emitter, document);
    yaml_emitter_delete(&emitter);
    if (done)
        return buffer_steal_text(&out);
    holm_error_set(error, HOLM_ERROR_INTERNAL, "the document cannot be written as YAML");
    return NULL;
}
