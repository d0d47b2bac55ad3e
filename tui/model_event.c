// Events: what happened, newest first, and only so many.
#include <stdio.h>
#include <string.h>

#include "core/holm.h"
#include "tui/model_private.h"

static void event_finish(model_event *self) {
    char *texts[] = {self->id, self->kind, self->action, self->name, self->text};
    for (size_t i = 0; i < array_length(texts); i++)
        free(texts[i]);
    json_decref(self->document);
}

void model_events_finish(model_state *self) {
    for (size_t i = 0; i < self->event_count; i++)
        event_finish(&self->events[i]);
    free(self->events);
    self->events = NULL;
    self->event_count = 0;
}

// "exitCode 137, reason out-of-memory"
static char *attributes_text(const json_t *attributes) {
    char *text = NULL;
    size_t length, count = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)attributes, key, value) {
        cleanup_free char *name = holm_text_escape(key, strlen(key));
        cleanup_free char *shown = model_text(value);
        fprintf(out, "%s%s ", count ? ", " : "", name);
        if (json_is_integer(value))
            fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        else
            fputs(shown, out);
        if (++count == 16)
            break;
    }
    fclose(out);
    return text;
}

void model_add_event(model_state *self, const json_t *document) {
    char id[24];
    snprintf(id, sizeof(id), "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(document, "sequence")));
    if (!self->events && !(self->events = calloc(MODEL_MOST_EVENTS, sizeof(*self->events))))
        abort();
    if (self->event_count == MODEL_MOST_EVENTS)
        event_finish(&self->events[--self->event_count]);
    memmove(self->events + 1, self->events, self->event_count * sizeof(*self->events));
    self->event_count++;
    self->events[0] = (model_event){
        .id = strdup(id),
        .kind = model_text(json_object_get(document, "kind")),
        .action = model_text(json_object_get(document, "action")),
        .name = model_text(json_object_get(document, "name")),
        .text = attributes_text(json_object_get(document, "attributes")),
        .unix_ns = json_integer_value(json_object_get(document, "unixNs")),
        .document = json_incref((json_t *)document),
    };
}
