#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tui/view.h"

unsigned view_network_members(const model_state *model, const model_network *network) {
    unsigned count = 0;
    for (size_t i = 0; i < model->container_count; i++)
        count += model_member_address(&model->containers[i], network->name) != NULL;
    return count;
}

static void draw_name(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, THEME_STRONG, ((const model_network *)item)->name);
}

static void draw_subnet(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, THEME_TEXT, ((const model_network *)item)->subnet);
}

static void draw_gateway(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, THEME_MUTED, ((const model_network *)item)->gateway);
}

static void draw_mode(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, THEME_MUTED, ((const model_network *)item)->mode);
}

static void draw_members(const painter *self, int x, int y, int width, const void *item) {
    char text[16];
    unsigned count = view_network_members(self->view->model, item);
    snprintf(text, sizeof(text), "%u", count);
    paint_right(self, x, y, width, count ? THEME_GOOD : THEME_OFF, count ? text : "-");
}

static const char *driver(const model_network *network) {
    const char *name =
        json_string_value(json_object_get(json_object_get(network->document, "configuration"), "driver"));
    return name && strcmp(name, "bridge") == 0 ? name : "user";
}

static void draw_driver(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, THEME_MUTED, driver(item));
}

static void draw_subnet6(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, THEME_TEXT, ((const model_network *)item)->subnet6);
}

static void draw_age(const painter *self, int x, int y, int width, const void *item) {
    char text[16];
    int64_t created = ((const model_network *)item)->created;
    if (created)
        paint_right(self, x, y, width, THEME_MUTED, view_age(self->view->now - created, text));
}

static int by_driver(const void *a, const void *b) {
    return strcmp(driver(a), driver(b));
}

static int by_age(const void *a, const void *b) {
    int64_t first = ((const model_network *)a)->created, second = ((const model_network *)b)->created;
    return (first < second) - (first > second);
}

static int by_members(const void *a, const void *b) {
    const json_t *one = json_object_get(((const model_network *)a)->document, "status");
    const json_t *other = json_object_get(((const model_network *)b)->document, "status");
    size_t first = json_array_size(json_object_get(one, "members"));
    size_t second = json_array_size(json_object_get(other, "members"));
    return (first < second) - (first > second);
}

#define BY_TEXT(name_, field_)                                                                     \
    static int name_(const void *a, const void *b) {                                               \
        return strcasecmp(((const model_network *)a)->field_, ((const model_network *)b)->field_); \
    }
BY_TEXT(by_name, name)
BY_TEXT(by_subnet, subnet)
BY_TEXT(by_subnet6, subnet6)
BY_TEXT(by_gateway, gateway)
BY_TEXT(by_mode, mode)

static const list_column columns[] = {
    {"name", "NAME", 8, 1, 0, .draw = draw_name, .compare = by_name},
    {"mode", "MODE", 9, 0, 5, .draw = draw_mode, .compare = by_mode},
    {"driver", "DRIVER", 6, 0, 7, .extra = true, .draw = draw_driver, .compare = by_driver},
    {"gateway", "GATEWAY", 15, 0, 6, .extra = true, .draw = draw_gateway, .compare = by_gateway},
    {"subnet", "SUBNET", 15, 0, 3, .draw = draw_subnet, .compare = by_subnet},
    {"subnet-v6", "SUBNET V6", 25, 0, 8, .extra = true, .draw = draw_subnet6, .compare = by_subnet6},
    {"age", "AGE", 7, 0, 9, .right = true, .extra = true, .draw = draw_age, .compare = by_age},
    {"members", "USED", 4, 0, 2, .right = true, .draw = draw_members, .compare = by_members},
};

static const void *items(const model_state *model, size_t *count) {
    *count = model->network_count;
    return model->networks;
}

static bool known(const model_state *model) {
    return model->networks_known;
}

static const char *id(const void *item) {
    return ((const model_network *)item)->id;
}

static const json_t *document(const void *item) {
    return ((const model_network *)item)->document;
}

static const char *title(const void *item) {
    return ((const model_network *)item)->name;
}

static void words(const void *item, const char *out[LIST_WORDS]) {
    out[0] = ((const model_network *)item)->name;
    out[1] = ((const model_network *)item)->subnet;
    out[2] = ((const model_network *)item)->mode;
    out[3] = driver(item);
}

const list_kind list_networks = {
    .name = "networks",
    .empty = "no networks",
    .key = '3',
    .noun = ACTION_NOUN_NETWORK,
    .columns = columns,
    .column_count = array_length(columns),
    .item_size = sizeof(model_network),
    .items = items,
    .known = known,
    .id = id,
    .title = title,
    .document = document,
    .words = words,
};
