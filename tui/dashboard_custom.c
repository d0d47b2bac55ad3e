// Commands of the user's own: what they ask, and the arguments that come of it. A value is one argument as it
// is; no shell reads it.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"
#include "tui/words.h"

struct custom_pending {
    const action *what;
    char **ids; ///< of what it is for; one that is empty where it is for nothing in particular
    size_t count;
    json_t *answers; ///< question → text
};

static void ask_next(dashboard *self);

void dashboard_custom_finish(dashboard *self) {
    if (!self->pending)
        return;
    for (size_t i = 0; i < self->pending->count; i++)
        free(self->pending->ids[i]);
    free(self->pending->ids);
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

// answers NULL: a question stands for what will be answered.
static const char *value_of(const json_t *argument, const json_t *document, const json_t *answers) {
    const char *field = json_string_value(json_object_get(argument, "field"));
    const char *question = json_string_value(json_object_get(argument, "ask"));
    if (json_is_string(argument))
        return json_string_value(argument);
    if (question)
        return json_string_value(json_object_get(answers, question));
    const char *value = look_up(document, field);
    // An image without a name is known by its id.
    bool nameless = !value && strcmp(field, "configuration.references.0") == 0;
    return nameless ? look_up(document, "id") : value;
}

// The arguments for this thing, ending with NULL, borrowed from the documents; only the array is the
// caller's. NULL: it has been said what is missing.
static char **make_arguments(dashboard *self, const char *id) {
    const struct custom_pending *pending = self->pending;
    const json_t *run = json_object_get(pending->what->custom, "run");
    const json_t *document = find_document(self, pending->what->noun, id);
    char **argv = calloc(json_array_size(run) + 1, sizeof(*argv));
    if (!argv)
        abort();
    for (size_t i = 0; i < json_array_size(run); i++) {
        const json_t *argument = json_array_get(run, i);
        argv[i] = (char *)value_of(argument, document, pending->answers);
        if (argv[i])
            continue;
        char text[256];
        snprintf(text, sizeof(text), "%.60s: %.60s has no %.40s now", pending->what->title,
                 *id ? dashboard_item_title(self, pending->what->noun, id) : "it",
                 json_string_value(json_object_get(argument, "name")));
        complain(self, text);
        free(argv);
        return NULL;
    }
    return argv;
}

static void write_line(FILE *out, char **argv) {
    for (; *argv; argv++) {
        words_quote(out, *argv);
        if (argv[1])
            fputc(' ', out);
    }
}

char *dashboard_custom_line(const dashboard *self, const action *what, char *const *ids, size_t count) {
    const json_t *run = json_object_get(what->custom, "run");
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    for (size_t k = 0; k < (count ? count : 1); k++) {
        const json_t *document = count ? find_document(self, what->noun, ids[k]) : NULL;
        if (k)
            fputs("; ", out);
        for (size_t i = 0; i < json_array_size(run); i++) {
            const json_t *argument = json_array_get(run, i);
            const char *value = value_of(argument, document, NULL);
            char open[80];
            snprintf(open, sizeof(open), "{{%.70s}}", json_string_value(json_object_get(argument, "name")));
            fputs(i ? " " : "", out);
            words_quote(out, value ? value : open);
        }
    }
    fclose(out);
    return text;
}

// All or none: nothing runs where one of them lacks what the command needs.
static char ***make_all(dashboard *self) {
    const struct custom_pending *pending = self->pending;
    char ***all = calloc(pending->count + 1, sizeof(*all));
    if (!all)
        abort();
    for (size_t i = 0; i < pending->count; i++) {
        all[i] = make_arguments(self, pending->ids[i]);
        if (all[i])
            continue;
        while (i-- > 0)
            free(all[i]);
        free(all);
        return NULL;
    }
    return all;
}

static void free_all(char ***all) {
    for (char ***at = all; *at; at++)
        free(*at);
    free(all);
}

void dashboard_custom_confirmed(dashboard *self) {
    struct custom_pending *pending = self->pending;
    const char *place = json_string_value(json_object_get(pending->what->custom, "output"));
    char ***all = make_all(self);
    if (all && pending->count > dashboard_programs_room(self)) {
        complain(self, "too many commands would run at once");
    } else {
        for (size_t i = 0; all && i < pending->count; i++) {
            char title[160];
            snprintf(title, sizeof(title), pending->count > 1 ? "%.60s %.90s" : "%.60s", pending->what->title,
                     dashboard_item_title(self, pending->what->noun, pending->ids[i]));
            dashboard_program_start(self, title, place, all[i]);
        }
        if (all && pending->count > 1)
            ui_marks_clear(&self->ui.lists[self->ui.pane]);
    }
    if (all)
        free_all(all);
    dashboard_custom_finish(self);
}

// Every command line, so that it is seen what is about to run.
static void confirm(dashboard *self) {
    char *text = NULL;
    size_t length;
    char ***all = make_all(self);
    if (!all)
        return;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    for (size_t i = 0; all[i]; i++) {
        char *line = NULL;
        size_t line_length;
        FILE *one = open_memstream(&line, &line_length);
        if (!one)
            abort();
        write_line(one, all[i]);
        fclose(one);
        cleanup_free char *safe = holm_text_escape(line, line_length);
        free(line);
        fprintf(out, "%s%s", i ? "\n" : "", safe);
    }
    fclose(out);
    free_all(all);
    cleanup_free char *shown = text;
    dashboard_open_confirm(self, self->pending->what, NULL, 0, shown);
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

void dashboard_custom(dashboard *self, const action *what, char *const *ids, size_t count) {
    const char *place = json_string_value(json_object_get(what->custom, "output"));
    if (count > 1 && place && strcmp(place, "terminal") == 0) {
        complain(self, "a command that has the terminal is for one thing at a time");
        return;
    }
    struct custom_pending *made = calloc(1, sizeof(*made));
    char **copies = calloc(count + 1, sizeof(*copies));
    if (!made || !copies)
        abort();
    for (size_t i = 0; i < count; i++)
        copies[i] = strdup(ids[i]);
    dashboard_custom_finish(self);
    *made = (struct custom_pending){what, copies, count, json_object()};
    self->pending = made;
    ask_next(self);
}
