// Protocol buffers as JSON, by their own descriptors.
#include <string.h>

#include "core/holm_internal.h"

#define NAME_MAX_LENGTH 64

// "cpu_time_ns" → "cpuTimeNs"
static void camel_case(const char *name, char out[static NAME_MAX_LENGTH]) {
    size_t length = 0;
    for (bool upper = false; *name && length + 1 < NAME_MAX_LENGTH; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        out[length++] = upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 32) : *name;
        upper = false;
    }
    out[length] = 0;
}

static json_t *value_json(const ProtobufCFieldDescriptor *field, const void *at) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer(*(const int32_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return json_integer((json_int_t) * (const int64_t *)at);
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_real(*(const double *)at);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *message = *(const ProtobufCMessage *const *)at;
        return message ? holm_message_json(message) : NULL;
    }
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)at;
        json_t *value = json_string(text ? text : "");
        if (value)
            return value;
        // What came over the wire need not be UTF-8.
        cleanup_free char *safe = holm_text_escape(text, strlen(text));
        return json_string(safe);
    }
    default:
        return NULL;
    }
}

static size_t size_of(const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_MESSAGE:
    case PROTOBUF_C_TYPE_STRING:
        return 8;
    default:
        return 4; // also protobuf_c_boolean
    }
}

static json_t *repeated_json(const ProtobufCFieldDescriptor *field, const char *base) {
    size_t count = *(const size_t *)(base + field->quantifier_offset);
    const char *values = *(const char *const *)(base + field->offset);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, value_json(field, values + i * size_of(field)));
    return list;
}

json_t *holm_message_json(const ProtobufCMessage *message) {
    const char *base = (const char *)message;
    json_t *object = json_object();
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        bool in_union = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        if (in_union && *(const uint32_t *)(base + field->quantifier_offset) != field->id)
            continue;
        json_t *value = field->label == PROTOBUF_C_LABEL_REPEATED ? repeated_json(field, base)
                                                                  : value_json(field, base + field->offset);
        char name[NAME_MAX_LENGTH];
        camel_case(field->name, name);
        if (value)
            json_object_set_new(object, name, value);
    }
    return object;
}
