#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tui/view.h"

static void draw_name(const painter *self, int x, int y, int width, const void *data) {
    const model_volume *item = data;
    paint(self, x, y, width, item->anonymous ? THEME_MUTED : THEME_STRONG, item->name);
}

static void draw_used(const painter *self, int x, int y, int width, const void *item) {
    char text[8];
    paint_right(self, x, y, width, THEME_TEXT, view_bytes((double)((const model_volume *)item)->used, text));
}

static void draw_size(const painter *self, int x, int y, int width, const void *data) {
    const model_volume *item = data;
    char bytes[8], text[16];
    snprintf(text, sizeof(text), "of %s", view_bytes((double)item->size, bytes));
    if (item->size)
        paint(self, x, y, width, THEME_MUTED, text);
}

static void draw_age(const painter *self, int x, int y, int width, const void *data) {
    const model_volume *item = data;
    char text[16];
    if (item->created)
        paint_right(self, x, y, width, THEME_MUTED, view_age(self->view->now - item->created, text));
}

static void draw_users(const painter *self, int x, int y, int width, const void *item) {
    const model_state *model = self->view->model;
    const char *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < model->container_count; i++) {
        if (!model_container_mounts(&model->containers[i], ((const model_volume *)item)->name))
            continue;
        first = first ? first : model->containers[i].name;
        count++;
    }
    char text[160];
    if (count > 1)
        snprintf(text, sizeof(text), "%.100s +%zu", first, count - 1);
    else
        snprintf(text, sizeof(text), "%.100s", first ? first : "-");
    paint(self, x, y, width, first ? THEME_GOOD : THEME_OFF, text);
}

static int by_name(const void *a, const void *b) {
    return strcasecmp(((const model_volume *)a)->name, ((const model_volume *)b)->name);
}

static int by_users(const void *a, const void *b) {
    const json_t *one = json_object_get(((const model_volume *)a)->document, "status");
    const json_t *other = json_object_get(((const model_volume *)b)->document, "status");
    size_t first = json_array_size(json_object_get(one, "containers"));
    size_t second = json_array_size(json_object_get(other, "containers"));
    return (first < second) - (first > second);
}

#define LARGEST_FIRST(name_, figure_)                                             \
    static int name_(const void *a, const void *b) {                              \
        const model_volume *one = a, *other = b;                                  \
        return (one->figure_ < other->figure_) - (one->figure_ > other->figure_); \
    }
LARGEST_FIRST(by_used, used)
LARGEST_FIRST(by_size, size)
LARGEST_FIRST(by_age, created)

static const list_column columns[] = {
    {"name", "NAME", 8, 2, 0, .draw = draw_name, .compare = by_name},
    {"used", "SIZE", 5, 0, 0, .right = true, .draw = draw_used, .compare = by_used},
    {"size", "", 7, 0, 4, .draw = draw_size, .compare = by_size},
    {"age", "AGE", 7, 0, 6, .right = true, .extra = true, .draw = draw_age, .compare = by_age},
    {"users", "USED BY", 7, 1, 2, .draw = draw_users, .compare = by_users},
};

static const void *items(const model_state *model, size_t *count) {
    *count = model->volume_count;
    return model->volumes;
}

static bool known(const model_state *model) {
    return model->volumes_known;
}

static const char *id(const void *item) {
    return ((const model_volume *)item)->id;
}

static const json_t *document(const void *item) {
    return ((const model_volume *)item)->document;
}

static const char *title(const void *item) {
    return ((const model_volume *)item)->name;
}

static void words(const void *item, const char *out[LIST_WORDS]) {
    out[0] = ((const model_volume *)item)->name;
}

const list_kind list_volumes = {
    .name = "volumes",
    .empty = "no volumes",
    .key = '4',
    .noun = ACTION_NOUN_VOLUME,
    .columns = columns,
    .column_count = array_length(columns),
    .item_size = sizeof(model_volume),
    .items = items,
    .known = known,
    .id = id,
    .title = title,
    .document = document,
    .words = words,
};
