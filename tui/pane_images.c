#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tui/view.h"

static void draw_name(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, THEME_STRONG, ((const model_image *)item)->name);
}

static void draw_platform(const painter *self, int x, int y, int width, const void *data) {
    const model_image *item = data;
    const char *architecture = strchr(item->platform, '/');
    paint(self, x, y, width, THEME_MUTED, architecture ? architecture + 1 : item->platform);
}

static void draw_size(const painter *self, int x, int y, int width, const void *item) {
    char text[8];
    paint_right(self, x, y, width, THEME_TEXT, view_bytes((double)((const model_image *)item)->size, text));
}

static void draw_unique(const painter *self, int x, int y, int width, const void *item) {
    char text[8];
    paint_right(self, x, y, width, THEME_MUTED,
                view_bytes((double)((const model_image *)item)->unique, text));
}

static void draw_layers(const painter *self, int x, int y, int width, const void *item) {
    char text[16];
    snprintf(text, sizeof(text), "%u", ((const model_image *)item)->layers);
    paint_right(self, x, y, width, THEME_MUTED, text);
}

static void draw_age(const painter *self, int x, int y, int width, const void *data) {
    const model_image *item = data;
    char text[16];
    if (item->created)
        paint_right(self, x, y, width, THEME_MUTED, view_age(self->view->now - item->created, text));
}

static void draw_users(const painter *self, int x, int y, int width, const void *data) {
    const model_image *item = data;
    char text[32];
    snprintf(text, sizeof(text), "%s %u", self->view->glyphs->running, item->containers);
    if (item->containers)
        paint(self, x, y, width, THEME_GOOD, text);
}

static void draw_id(const painter *self, int x, int y, int width, const void *data) {
    const char *digest = strchr(((const model_image *)data)->id, ':');
    char text[16];
    snprintf(text, sizeof(text), "%.12s", digest ? digest + 1 : ((const model_image *)data)->id);
    paint(self, x, y, width, THEME_MUTED, text);
}

static int by_name(const void *a, const void *b) {
    return strcasecmp(((const model_image *)a)->name, ((const model_image *)b)->name);
}

static int by_platform(const void *a, const void *b) {
    return strcmp(((const model_image *)a)->platform, ((const model_image *)b)->platform);
}

static int by_id(const void *a, const void *b) {
    return strcmp(((const model_image *)a)->id, ((const model_image *)b)->id);
}

#define LARGEST_FIRST(name_, figure_)                                             \
    static int name_(const void *a, const void *b) {                              \
        const model_image *one = a, *other = b;                                   \
        return (one->figure_ < other->figure_) - (one->figure_ > other->figure_); \
    }
LARGEST_FIRST(by_size, size)
LARGEST_FIRST(by_unique, unique)
LARGEST_FIRST(by_layers, layers)
LARGEST_FIRST(by_age, created)
LARGEST_FIRST(by_users, containers)

static const list_column columns[] = {
    {"name", "NAME", 8, 1, 0, .draw = draw_name, .compare = by_name},
    {"id", "ID", 12, 0, 9, .extra = true, .draw = draw_id, .compare = by_id},
    {"platform", "FOR", 7, 0, 4, .draw = draw_platform, .compare = by_platform},
    {"layers", "LAYERS", 6, 0, 8, .right = true, .extra = true, .draw = draw_layers, .compare = by_layers},
    {"unique", "OWN", 5, 0, 8, .right = true, .extra = true, .draw = draw_unique, .compare = by_unique},
    {"size", "SIZE", 5, 0, 0, .right = true, .draw = draw_size, .compare = by_size},
    {"age", "AGE", 7, 0, 3, .right = true, .draw = draw_age, .compare = by_age},
    {"users", "USED", 5, 0, 2, .draw = draw_users, .compare = by_users},
};

static const void *items(const model_state *model, size_t *count) {
    *count = model->image_count;
    return model->images;
}

static bool known(const model_state *model) {
    return model->images_known;
}

static const char *id(const void *item) {
    return ((const model_image *)item)->id;
}

static const json_t *document(const void *item) {
    return ((const model_image *)item)->document;
}

static const char *title(const void *item) {
    return ((const model_image *)item)->name;
}

static void words(const void *item, const char *out[LIST_WORDS]) {
    out[0] = ((const model_image *)item)->name;
    out[1] = ((const model_image *)item)->id;
    out[2] = ((const model_image *)item)->platform;
}

const list_kind list_images = {
    .name = "images",
    .empty = "no images yet: p pulls one",
    .key = '2',
    .noun = ACTION_NOUN_IMAGE,
    .columns = columns,
    .column_count = array_length(columns),
    .item_size = sizeof(model_image),
    .items = items,
    .known = known,
    .id = id,
    .title = title,
    .document = document,
    .words = words,
};
