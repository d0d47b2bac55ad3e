// Commands of the user's own: what they ask, and the arguments that come of it. A value is one argument as it
// is; no shell reads it.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"
#include "tui/words.h"

struct custom_pending {
    const action *what;
    char *id;
    json_t *answers; ///< question → text
};

static void ask_next(dashboard *self);

void dashboard_custom_finish(dashboard *self) {
    if (!self->pending)
        return;
    free(self->pending->id);
    json_decref(self->pending->answers);
    free(self->pending);
    self->pending = NULL;
}

static void complain(dashboard *self, const char *text) {
    ui_set_notice(&self->ui, NOTICE_BAD, text);
    dashboard_dirty(self);
}

static const json_t *find_document(const dashboard *self, action_noun noun, const char *id) {
    const list_kind *kind = dashboard_kind(noun);
    size_t count = 0;
    const char *items = kind ? kind->items(&self->model, &count) : NULL;
    for (size_t i = 0; i < count; i++, items += kind->item_size)
        if (strcmp(kind->id(items), id) == 0)
            return kind->document(items);
    return NULL;
}

// "configuration.references.0" of the document.
static const char *look_up(const json_t *document, const char *path) {
    while (document) {
        size_t length = strcspn(path, ".");
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        document = json_is_array(document) ? json_array_get(document, strtoul(key, NULL, 10))
                                           : json_object_get(document, key);
        if (!path[length])
            break;
        path += length + 1;
    }
    const char *text = json_string_value(document);
    return text && *text ? text : NULL;
}

static const char *value_of(const dashboard *self, const json_t *argument, const json_t *document) {
    const char *field = json_string_value(json_object_get(argument, "field"));
    const char *question = json_string_value(json_object_get(argument, "ask"));
    if (json_is_string(argument))
        return json_string_value(argument);
    if (question)
        return json_string_value(json_object_get(self->pending->answers, question));
    const char *value = look_up(document, field);
    // An image without a name is known by its id.
    bool nameless = !value && strcmp(field, "configuration.references.0") == 0;
    return nameless ? look_up(document, "id") : value;
}

// The arguments, ending with NULL, borrowed from the documents; only the array is the caller's. NULL: it has
// been said what is missing.
static char **make_arguments(dashboard *self) {
    const struct custom_pending *pending = self->pending;
    const json_t *run = json_object_get(pending->what->custom, "run");
    const json_t *document = find_document(self, pending->what->noun, pending->id);
    char **argv = calloc(json_array_size(run) + 1, sizeof(*argv));
    if (!argv)
        abort();
    for (size_t i = 0; i < json_array_size(run); i++) {
        const json_t *argument = json_array_get(run, i);
        argv[i] = (char *)value_of(self, argument, document);
        if (argv[i])
            continue;
        char text[160];
        snprintf(text, sizeof(text), "%.60s: it has no %.40s now", pending->what->title,
                 json_string_value(json_object_get(argument, "name")));
        complain(self, text);
        free(argv);
        return NULL;
    }
    return argv;
}

static char *command_line(char **argv) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    for (; *argv; argv++) {
        words_quote(out, *argv);
        if (argv[1])
            fputc(' ', out);
    }
    fclose(out);
    cleanup_free char *raw = text;
    return holm_text_escape(raw, strlen(raw));
}

void dashboard_custom_confirmed(dashboard *self) {
    char **argv = make_arguments(self);
    if (argv)
        dashboard_program_start(self, self->pending->what->title,
                                json_string_value(json_object_get(self->pending->what->custom, "output")),
                                argv);
    free(argv);
    dashboard_custom_finish(self);
}

static void confirm(dashboard *self) {
    char **argv = make_arguments(self);
    if (!argv)
        return;
    cleanup_free char *line = command_line(argv);
    free(argv);
    dashboard_open_confirm(self, self->pending->what, NULL, 0, line);
}

static void entered(dashboard *self, const char *text) {
    const json_t *questions = json_object_get(self->pending->what->custom, "ask");
    size_t at = json_object_size(self->pending->answers);
    json_object_set_new(self->pending->answers, json_string_value(json_array_get(questions, at)),
                        json_string(text));
    ask_next(self);
}

static void ask_next(dashboard *self) {
    const json_t *custom = self->pending->what->custom;
    const char *question = json_string_value(
        json_array_get(json_object_get(custom, "ask"), json_object_size(self->pending->answers)));
    if (question) {
        char title[96];
        snprintf(title, sizeof(title), "%.44s: %.40s", self->pending->what->title, question);
        dashboard_open_prompt(self, title, self->pending->what->help, "", entered);
    } else if (json_is_true(json_object_get(custom, "confirm"))) {
        confirm(self);
    } else {
        dashboard_custom_confirmed(self);
    }
}

void dashboard_custom(dashboard *self, const action *what, const char *id) {
    cleanup_free char *copy = strdup(id ? id : "");
    dashboard_custom_finish(self);
    self->pending = calloc(1, sizeof(*self->pending));
    if (!self->pending)
        abort();
    *self->pending = (struct custom_pending){what, steal_pointer(&copy), json_object()};
    ask_next(self);
}
