#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "tui/view.h"

static theme_role action_role(const model_event *item) {
    static const struct {
        const char *action;
        theme_role role;
    } roles[] = {{"start", THEME_GOOD}, {"die", THEME_BUSY},  {"oom", THEME_BAD},     {"remove", THEME_OFF},
                 {"kill", THEME_BAD},   {"pull", THEME_GOOD}, {"restart", THEME_BUSY}};
    for (size_t i = 0; i < array_length(roles); i++)
        if (strcmp(roles[i].action, item->action) == 0)
            return roles[i].role;
    return THEME_TEXT;
}

static void draw_time(const painter *self, int x, int y, int width, const void *data) {
    time_t seconds = (time_t)(((const model_event *)data)->unix_ns / 1000000000);
    struct tm parts;
    char text[16] = "";
    if (localtime_r(&seconds, &parts))
        strftime(text, sizeof(text), "%H:%M:%S", &parts);
    paint(self, x, y, width, THEME_MUTED, text);
}

static void draw_kind(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, THEME_MUTED, ((const model_event *)item)->kind);
}

static void draw_action(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, action_role(item), ((const model_event *)item)->action);
}

static void draw_name(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, THEME_STRONG, ((const model_event *)item)->name);
}

static void draw_text(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, THEME_MUTED, ((const model_event *)item)->text);
}

static int by_time(const void *a, const void *b) {
    const model_event *one = a, *other = b;
    return (one->unix_ns < other->unix_ns) - (one->unix_ns > other->unix_ns);
}

#define BY_TEXT(name_, field_)                                                                 \
    static int name_(const void *a, const void *b) {                                           \
        return strcasecmp(((const model_event *)a)->field_, ((const model_event *)b)->field_); \
    }
BY_TEXT(by_kind, kind)
BY_TEXT(by_action, action)
BY_TEXT(by_name, name)

static const list_column columns[] = {
    {"time", "TIME", 8, 0, 3, .draw = draw_time, .compare = by_time},
    {"kind", "KIND", 9, 0, 4, .draw = draw_kind, .compare = by_kind},
    {"action", "WHAT", 10, 0, 0, .draw = draw_action, .compare = by_action},
    {"name", "NAME", 8, 1, 0, .draw = draw_name, .compare = by_name},
    {"text", "", 10, 2, 5, .draw = draw_text},
};

static const void *items(const model_state *model, size_t *count) {
    *count = model->event_count;
    return model->events;
}

static const char *id(const void *item) {
    return ((const model_event *)item)->id;
}

static const json_t *document(const void *item) {
    return ((const model_event *)item)->document;
}

static const char *title(const void *item) {
    return ((const model_event *)item)->action;
}

static void words(const void *data, const char *out[LIST_WORDS]) {
    const model_event *item = data;
    out[0] = item->kind;
    out[1] = item->action;
    out[2] = item->name;
    out[3] = item->text;
}

const list_kind list_events = {
    .name = "events",
    .empty = "nothing has happened yet",
    .key = '6',
    .noun = ACTION_NOUN_EVENT,
    .columns = columns,
    .column_count = array_length(columns),
    .item_size = sizeof(model_event),
    .items = items,
    .id = id,
    .title = title,
    .document = document,
    .words = words,
};
