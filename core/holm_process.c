#include "core/holm_internal.h"

static size_t strings_of(const json_t *array, char ***out) {
    size_t count = json_array_size(array);
    *out = calloc(count + 1, sizeof **out);
    if (!*out)
        abort();
    for (size_t i = 0; i < count; i++)
        (*out)[i] = (char *)json_string_value(json_array_get(array, i));
    return count;
}

static char *text_or_empty(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return (char *)(text ? text : "");
}

void holm_process_init(holm_process *self, const json_t *document) {
    Holm__Shim__V1__ProcessConfiguration *message = &self->message;
    holm__shim__v1__process_configuration__init(message);
    message->n_arguments = strings_of(json_object_get(document, "arguments"), &message->arguments);
    message->n_environment = strings_of(json_object_get(document, "environment"), &message->environment);
    message->n_capabilities_add =
        strings_of(json_object_get(document, "capabilitiesAdd"), &message->capabilities_add);
    message->n_capabilities_drop =
        strings_of(json_object_get(document, "capabilitiesDrop"), &message->capabilities_drop);
    message->directory = text_or_empty(document, "directory");
    message->user = text_or_empty(document, "user");
    message->terminal = json_is_true(json_object_get(document, "terminal"));
    message->privileged = json_is_true(json_object_get(document, "privileged"));
    message->stdin_open = json_is_true(json_object_get(document, "stdinOpen"));
}

void holm_process_finish(holm_process *self) {
    free(self->message.arguments);
    free(self->message.environment);
    free(self->message.capabilities_add);
    free(self->message.capabilities_drop);
}
