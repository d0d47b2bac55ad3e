// Tab in the prompt of a pull: names that were pulled before or are here, then the tags that the registry
// has.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

#define SHOWN_MAX 8    ///< candidates that are shown
#define TAGS_MAX  1000 ///< that the registry is asked for

typedef struct candidates {
    char **texts;
    size_t count;
} candidates;

static void finish(candidates *self) {
    for (size_t i = 0; i < self->count; i++)
        free(self->texts[i]);
    free(self->texts);
}

static void add(candidates *self, const char *prefix, const char *text, size_t length) {
    if (strlen(prefix) > length || strncmp(prefix, text, strlen(prefix)) != 0)
        return;
    for (size_t i = 0; i < self->count; i++)
        if (strlen(self->texts[i]) == length && strncmp(self->texts[i], text, length) == 0)
            return;
    self->texts = reallocarray(self->texts, self->count + 1, sizeof *self->texts);
    if (!self->texts || !(self->texts[self->count] = strndup(text, length)))
        abort();
    self->count++;
}

/// How much of a reference is its name, without a tag or a digest.
static size_t name_length(const char *reference) {
    const char *slash = strrchr(reference, '/'), *last = slash ? slash : reference;
    return (size_t)(last - reference) + strcspn(last, ":@");
}

static size_t common_length(const candidates *self) {
    size_t length = self->count ? strlen(self->texts[0]) : 0;
    for (size_t i = 1; i < self->count; i++)
        for (size_t at = 0; at < length; at++)
            if (self->texts[i][at] != self->texts[0][at])
                length = at;
    return length;
}

static bool is_open(const dashboard *self) {
    return self->ui.overlay.kind == OVERLAY_PROMPT && self->complete == dashboard_complete_pull;
}

static void show(dashboard *self, const char *text) {
    free(self->ui.overlay.text);
    self->ui.overlay.text = strdup(text);
    dashboard_dirty(self);
}

static void show_candidates(dashboard *self, const candidates *found) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    for (size_t i = 0; i < found->count && i < SHOWN_MAX; i++) {
        cleanup_free char *safe = holm_text_escape(found->texts[i], strlen(found->texts[i]));
        fprintf(out, "%s%s", i ? "\n" : "", safe);
    }
    if (found->count > SHOWN_MAX)
        fprintf(out, "\n… and %zu more", found->count - SHOWN_MAX);
    if (found->count == 0)
        fputs("nothing begins like that", out);
    fclose(out);
    show(self, text);
    free(text);
}

/// What all candidates begin with is typed for the user, behind `before`.
static void take(dashboard *self, const char *before, const candidates *found) {
    size_t length = common_length(found);
    char text[LINE_EDIT_SIZE];
    if (length > 0 &&
        (size_t)snprintf(text, sizeof text, "%s%.*s", before, (int)length, found->texts[0]) < sizeof text)
        line_edit_set(&self->ui.overlay.input, text);
    show_candidates(self, found);
}

// ---- tags, as the registry has them ----

static void on_tags(dashboard *self, const char *name, json_t *result, const holm_error *error) {
    const char *text = self->ui.overlay.input.text;
    size_t length = strlen(name);
    // By now the prompt may be closed, or be about another name.
    if (!is_open(self) || strncmp(text, name, length) != 0 || text[length] != ':')
        return;
    if (error) {
        cleanup_free char *safe =
            holm_text_escape(holm_error_message(error), strlen(holm_error_message(error)));
        show(self, safe);
        return;
    }
    cleanup_free char *before = strndup(text, length + 1), *begun = strdup(text + length + 1);
    candidates found = {0};
    size_t index;
    json_t *tag;
    json_array_foreach (json_object_get(result, "tags"), index, tag)
        add(&found, begun, json_string_value(tag), json_string_length(tag));
    take(self, before, &found);
    finish(&found);
}

static void ask_tags(dashboard *self, const char *name) {
    show(self, "asking the registry for its tags…");
    holm_registry_tags(self->client, name, NULL, TAGS_MAX, dashboard_done,
                       dashboard_request(self, name, on_tags));
}

// ---- names, from what is known here ----

static void complete_name(dashboard *self, const char *begun) {
    candidates found = {0};
    for (size_t i = 0; i < self->pulls.count; i++)
        add(&found, begun, self->pulls.entries[i], name_length(self->pulls.entries[i]));
    for (size_t i = 0; i < self->model.image_count; i++) {
        const char *name = self->model.images[i].name;
        if (name[0] != '<')
            add(&found, begun, name, name_length(name));
    }
    bool whole = *begun && (found.count == 0 || (found.count == 1 && strcmp(found.texts[0], begun) == 0));
    if (whole && strlen(begun) + 2 < LINE_EDIT_SIZE) {
        char text[LINE_EDIT_SIZE];
        snprintf(text, sizeof text, "%s:", begun);
        line_edit_set(&self->ui.overlay.input, text);
        ask_tags(self, begun);
    } else {
        take(self, "", &found);
    }
    finish(&found);
}

void dashboard_complete_pull(dashboard *self) {
    const char *text = self->ui.overlay.input.text;
    size_t length = name_length(text);
    cleanup_free char *name = strndup(text, length);
    if (text[length] == ':')
        ask_tags(self, name);
    else if (!text[length])
        complete_name(self, name);
}
