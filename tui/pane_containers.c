#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tui/view.h"

#define SPARK_WIDTH 7

static int by_number(double a, double b) {
    return a < b ? 1 : a > b ? -1 : 0;
}

static const model_stats *alive(const model_container *item) {
    return model_container_running(item) && !model_container_busy(item) ? item->stats : NULL;
}

static void draw_name(const painter *self, int x, int y, int width, const void *data) {
    const model_container *item = data;
    bool live = model_container_running(item) || model_container_busy(item);
    paint(self, x, y, width, live ? THEME_STRONG : THEME_TEXT, item->name);
}

static void draw_image(const painter *self, int x, int y, int width, const void *data) {
    paint(self, x, y, width, THEME_MUTED, ((const model_container *)data)->image);
}

static void draw_address(const painter *self, int x, int y, int width, const void *data) {
    paint(self, x, y, width, THEME_TEXT, ((const model_container *)data)->address);
}

static void draw_command(const painter *self, int x, int y, int width, const void *data) {
    paint(self, x, y, width, THEME_MUTED, ((const model_container *)data)->command);
}

static void draw_id(const painter *self, int x, int y, int width, const void *data) {
    char id[16];
    snprintf(id, sizeof(id), "%.12s", ((const model_container *)data)->id);
    paint(self, x, y, width, THEME_MUTED, id);
}

static theme_role health_role(const model_container *item) {
    return strcmp(item->health, "healthy") == 0    ? THEME_GOOD
           : strcmp(item->health, "starting") == 0 ? THEME_BUSY
                                                   : THEME_BAD;
}

static void draw_health(const painter *self, int x, int y, int width, const void *data) {
    const model_container *item = data;
    if (model_container_running(item))
        paint(self, x, y, width, health_role(item), item->health);
}

static void draw_age(const painter *self, int x, int y, int width, const void *data) {
    const model_container *item = data;
    char age[16];
    int64_t since = model_container_running(item) ? item->started : item->created;
    paint_right(self, x, y, width, THEME_MUTED, since ? view_age(self->view->now - since, age) : "");
}

static void draw_cpu(const painter *self, int x, int y, int width, const void *data) {
    const model_stats *stats = alive(data);
    char text[8];
    if (stats)
        paint_right(self, x, y, width, THEME_STRONG, view_percent(stats->cpu_of_core, text));
}

// Small readings are to be seen too: the most of them is as high as the line, but never less than `least`.
static void spark(const painter *self, int x, int y, int width, const history *values, double full,
                  double least, theme_gradient gradient) {
    double most = history_most(values, width), top = most > least ? most : least;
    graph_spark(self->out, &self->area, self->area.x + x, self->area.y + y, width, values,
                full > 0 && top > full ? full : top, full > 0 ? full : top, self->view->theme, gradient,
                self->view->glyphs);
}

static void draw_spark(const painter *self, int x, int y, int width, const void *data) {
    const model_stats *stats = alive(data);
    if (stats)
        spark(self, x, y, width, &stats->cpu_history, stats->cpus > 0 ? stats->cpus * 100 : 100, 10,
              THEME_CPU);
}

static void draw_memory_spark(const painter *self, int x, int y, int width, const void *data) {
    const model_stats *stats = alive(data);
    if (stats)
        spark(self, x, y, width, &stats->memory_history, (double)stats->memory_limit, 16 << 20, THEME_MEMORY);
}

static void draw_network_spark(const painter *self, int x, int y, int width, const void *data) {
    const model_stats *stats = alive(data);
    if (stats)
        spark(self, x, y, width, &stats->rx_history, 0, 1024, THEME_NETWORK);
}

static void draw_memory(const painter *self, int x, int y, int width, const void *data) {
    const model_stats *stats = alive(data);
    char text[8];
    if (stats)
        paint_right(self, x, y, width, THEME_TEXT, view_bytes((double)stats->memory, text));
}

static void draw_back(const painter *self, int x, int y, int width, const void *data) {
    const model_stats *stats = alive(data);
    char text[8];
    if (stats)
        paint_right(self, x, y, width, THEME_MUTED, view_bytes((double)stats->given_back, text));
}

static void draw_pair(const painter *self, int x, int y, double first, double second) {
    char text[32], one[8], other[8];
    snprintf(text, sizeof(text), "%5s / %-5s", view_bytes(first, one), view_bytes(second, other));
    paint(self, x, y, 13, THEME_MUTED, text);
}

static void draw_network(const painter *self, int x, int y, int width, const void *data) {
    const model_stats *stats = alive(data);
    (void)width;
    if (stats)
        draw_pair(self, x, y, stats->rx_rate, stats->tx_rate);
}

static void draw_disk(const painter *self, int x, int y, int width, const void *data) {
    const model_stats *stats = alive(data);
    (void)width;
    if (stats)
        draw_pair(self, x, y, stats->read_rate, stats->write_rate);
}

static void draw_processes(const painter *self, int x, int y, int width, const void *data) {
    const model_stats *stats = alive(data);
    char text[16];
    snprintf(text, sizeof(text), "%u", stats ? stats->processes : 0);
    if (stats)
        paint_right(self, x, y, width, THEME_TEXT, text);
}

static int by_name(const void *a, const void *b) {
    return strcasecmp(((const model_container *)a)->name, ((const model_container *)b)->name);
}

static int by_image(const void *a, const void *b) {
    return strcasecmp(((const model_container *)a)->image, ((const model_container *)b)->image);
}

static int by_address(const void *a, const void *b) {
    return strcmp(((const model_container *)a)->address, ((const model_container *)b)->address);
}

static int by_command(const void *a, const void *b) {
    return strcmp(((const model_container *)a)->command, ((const model_container *)b)->command);
}

// Those that are not well first.
static int by_health(const void *a, const void *b) {
    const model_container *one = a, *other = b;
    int order = model_container_unhealthy(other) - model_container_unhealthy(one);
    return order ? order : strcmp(other->health, one->health);
}

static int by_id(const void *a, const void *b) {
    return strcmp(((const model_container *)a)->id, ((const model_container *)b)->id);
}

static int by_age(const void *a, const void *b) {
    return by_number((double)((const model_container *)a)->created,
                     (double)((const model_container *)b)->created);
}

// The figure of one that is not alive is below every other.
#define BY_FIGURE(name_, figure_)                                                               \
    static int name_(const void *a, const void *b) {                                            \
        const model_stats *one = alive(a), *other = alive(b);                                   \
        return by_number(one ? (double)one->figure_ : -1, other ? (double)other->figure_ : -1); \
    }
BY_FIGURE(by_cpu, cpu_of_core)
BY_FIGURE(by_memory, memory)
BY_FIGURE(by_back, given_back)
BY_FIGURE(by_network, rx_rate)
BY_FIGURE(by_disk, write_rate)
BY_FIGURE(by_processes, processes)

static const list_column columns[] = {
    {"name", "NAME", 14, 9, 0, .draw = draw_name, .compare = by_name},
    {"image", "IMAGE", 10, 11, 3, .draw = draw_image, .compare = by_image},
    {"address", "ADDRESS", 15, 0, 8, .extra = true, .draw = draw_address, .compare = by_address},
    {"health", "HEALTH", 9, 0, 6, .extra = true, .draw = draw_health, .compare = by_health},
    {"command", "COMMAND", 8, 8, 9, .extra = true, .draw = draw_command, .compare = by_command},
    {"id", "ID", 12, 0, 9, .extra = true, .draw = draw_id, .compare = by_id},
    {"age", "AGE", 7, 0, 7, .right = true, .extra = true, .draw = draw_age, .compare = by_age},
    {"cpu", "CPU%", 5, 0, 0, .right = true, .figure = true, .draw = draw_cpu, .compare = by_cpu},
    {"load", "of core", SPARK_WIDTH, 0, 4, .figure = true, .draw = draw_spark, .compare = by_cpu},
    {"memory", "MEM", 5, 0, 2, .right = true, .figure = true, .draw = draw_memory, .compare = by_memory},
    {"memory-load", "of lim.", SPARK_WIDTH, 0, 8, .extra = true, .figure = true, .draw = draw_memory_spark,
     .compare = by_memory},
    {"back", "BACK", 5, 0, 7, .right = true, .extra = true, .figure = true, .draw = draw_back,
     .compare = by_back},
    {"network", "NET in / out", 13, 0, 5, .figure = true, .draw = draw_network, .compare = by_network},
    {"network-load", "NET in", SPARK_WIDTH, 0, 8, .extra = true, .figure = true, .draw = draw_network_spark,
     .compare = by_network},
    {"disk", "DISK rd / wr", 13, 0, 7, .extra = true, .figure = true, .draw = draw_disk, .compare = by_disk},
    {"processes", "PROCS", 5, 0, 7, .right = true, .extra = true, .figure = true, .draw = draw_processes,
     .compare = by_processes},
};

static const void *items(const model_state *model, size_t *count) {
    *count = model->container_count;
    return model->containers;
}

static bool known(const model_state *model) {
    return model->containers_known;
}

static const char *id(const void *item) {
    return ((const model_container *)item)->id;
}

static const json_t *document(const void *item) {
    return ((const model_container *)item)->document;
}

static const char *title(const void *item) {
    return ((const model_container *)item)->name;
}

static void words(const void *data, const char *out[LIST_WORDS]) {
    const model_container *item = data;
    out[0] = item->name;
    out[1] = item->image;
    out[2] = item->state;
    out[3] = item->command;
    out[4] = item->address;
    out[5] = model_container_running(item) ? item->health : NULL;
}

// Those that live first.
static int natural(const void *a, const void *b) {
    return (model_container_running(b) || model_container_busy(b)) -
           (model_container_running(a) || model_container_busy(a));
}

static void group(const void *data, const char *by, char out[64]) {
    const model_container *item = data;
    const char *text = strcmp(by, "image") == 0 ? item->image : strcmp(by, "state") == 0 ? item->state : "";
    const json_t *networks = json_object_get(json_object_get(item->document, "status"), "networks");
    if (strcmp(by, "network") == 0)
        text = json_string_value(json_object_get(json_array_get(networks, 0), "name"));
    cleanup_free char *safe = text ? holm_text_escape(text, strlen(text)) : NULL;
    snprintf(out, 64, "%.63s", safe ? safe : "");
}

static const char *glyph(const view_context *view, const void *item, theme_role *role) {
    return view_state(view, item, role);
}

// What is to say of one that does not run: why, and for how long; of one that is changing: what is under way.
static bool tail(const view_context *view, const void *data, bool narrow, char out[160], theme_role *role) {
    const model_container *item = data;
    if (model_container_busy(item)) {
        bool between = strcmp(item->state, "starting") == 0 || strcmp(item->state, "stopping") == 0;
        snprintf(out, 160, "%s", between ? item->state : "working");
        *role = THEME_BUSY;
        return true;
    }
    if (model_container_running(item))
        return false;
    char reason[64], age[16];
    model_exit_text(item, reason, sizeof(reason));
    int64_t since = item->finished ? item->finished : item->created;
    bool created = strcmp(item->state, "created") == 0;
    if (narrow && created)
        snprintf(out, 160, "new");
    else if (narrow)
        snprintf(out, 160, "exit %d", item->exit_code);
    else if (since)
        snprintf(out, 160, "%s %s %s", reason, view->glyphs->dot, view_age(view->now - since, age));
    else
        snprintf(out, 160, "%s", reason);
    view_state(view, item, role);
    return true;
}

const list_kind list_containers = {
    .name = "containers",
    .empty = "no containers yet",
    .key = '1',
    .noun = ACTION_NOUN_CONTAINER,
    .columns = columns,
    .column_count = array_length(columns),
    .item_size = sizeof(model_container),
    .items = items,
    .known = known,
    .id = id,
    .title = title,
    .document = document,
    .words = words,
    .natural = natural,
    .group = group,
    .glyph = glyph,
    .tail = tail,
};
