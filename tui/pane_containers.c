#include <stdio.h>
#include <string.h>

#include "tui/view.h"

// Which columns there are and where, by the width there is.
typedef struct columns {
    int name, name_width, image, image_width; // width 0: not shown
    int cpu, spark, memory, network;          // 0: not shown
    int figures;                              // where the figures start
} columns;

static columns arrange(int width) {
    columns c = {.name = 3};
    int right = width - 1;
    if (width >= 66) {
        c.network = right - 13;
        right = c.network - 2;
    }
    if (width >= 34) {
        c.memory = right - 5;
        right = c.memory - 1;
    }
    if (width >= 50) {
        c.spark = right - 7;
        right = c.spark - 1;
    }
    c.cpu = right - 5;
    c.figures = c.cpu;
    int room = c.cpu - 1 - c.name;
    if (width >= 50) {
        c.name_width = room * 45 / 100;
        c.image = c.name + c.name_width + 1;
        c.image_width = room - c.name_width - 1;
    } else {
        c.name_width = room;
    }
    return c;
}

static void head(const painter *self, const columns *c) {
    paint(self, c->name, 0, c->name_width, THEME_COLUMN, "NAME");
    if (c->image_width)
        paint(self, c->image, 0, c->image_width, THEME_COLUMN, "IMAGE");
    paint_right(self, c->cpu, 0, 5, THEME_COLUMN, "CPU%");
    if (c->spark)
        paint(self, c->spark, 0, 7, THEME_COLUMN, "of core");
    if (c->memory)
        paint_right(self, c->memory, 0, 5, THEME_COLUMN, "MEM");
    if (c->network) {
        char text[32];
        snprintf(text, sizeof(text), "NET %s / %s", self->view->glyphs->down, self->view->glyphs->up);
        paint_right(self, c->network, 0, 13, THEME_COLUMN, text);
    }
}

static void figures(const painter *self, const columns *c, int y, const model_stats *stats) {
    char text[32], first[8], second[8];
    paint_right(self, c->cpu, y, 5, THEME_STRONG, view_percent(stats->cpu_of_core, first));
    double full = stats->cpus > 0 ? stats->cpus * 100 : 100, top = full;
    double most = history_most(&stats->cpu_history, 7);
    if (most < top) // small loads are to be seen too
        top = most > 10 ? most : 10;
    rect clip = self->area;
    if (c->spark)
        graph_spark(self->out, &clip, self->area.x + c->spark, self->area.y + y, 7, &stats->cpu_history, top,
                    full, self->view->theme, THEME_CPU, self->view->glyphs);
    if (c->memory)
        paint_right(self, c->memory, y, 5, THEME_TEXT, view_bytes((double)stats->memory, first));
    if (c->network) {
        snprintf(text, sizeof(text), "%5s / %-5s", view_bytes(stats->rx_rate, first),
                 view_bytes(stats->tx_rate, second));
        paint(self, c->network, y, 13, THEME_MUTED, text);
    }
}

// What is to say of one that does not run: why, and for how long. Returns the column where it starts.
static int ending(const painter *self, const columns *c, int y, const model_container *container) {
    char reason[64], age[16], text[128];
    model_exit_text(container, reason, sizeof(reason));
    int64_t since = container->finished ? container->finished : container->created;
    bool created = strcmp(container->state, "created") == 0;
    if (!c->image_width)
        snprintf(text, sizeof(text), created ? "new" : "exit %d", container->exit_code);
    else if (since)
        snprintf(text, sizeof(text), "%s %s %s", reason, self->view->glyphs->dot,
                 view_age(self->view->now - since, age));
    else
        snprintf(text, sizeof(text), "%s", reason);
    theme_role role;
    view_state(self->view, container, &role);
    int end = self->area.width - 1, from = end - cell_text_width(text);
    int least = c->name + 10;
    from = from < least ? least : from;
    paint_right(self, from, y, end - from, role, text);
    return from;
}

// What is under way with it.
static const char *busy_text(const model_container *container) {
    bool between = strcmp(container->state, "starting") == 0 || strcmp(container->state, "stopping") == 0;
    return between ? container->state : "working";
}

static void row(const painter *self, const columns *c, int y, const model_container *container) {
    theme_role role;
    bool running = model_container_running(container), busy = model_container_busy(container);
    const char *glyph = view_state(self->view, container, &role);
    int end = self->area.width;
    paint(self, 1, y, 1, role, glyph);
    if (busy)
        paint_right(self, c->figures, y, end - 1 - c->figures, THEME_BUSY, busy_text(container));
    else if (running && container->stats)
        figures(self, c, y, container->stats);
    else if (!running)
        end = ending(self, c, y, container);
    int name = end - 1 - c->name, image = end - 1 - c->image;
    paint(self, c->name, y, name < c->name_width ? name : c->name_width,
          running || busy ? THEME_STRONG : THEME_TEXT, container->name);
    image = image < c->image_width ? image : c->image_width;
    if (c->image_width && image >= 4)
        paint(self, c->image, y, image, THEME_MUTED, container->image);
}

void pane_containers(const painter *self) {
    const ui_list *list = &self->view->ui->lists[PANE_CONTAINERS];
    const model_state *model = self->view->model;
    if (!list->count) {
        const char *text = !model->containers_known ? "reading"
                           : *list->filter          ? "nothing matches"
                                                    : "no containers yet";
        paint(self, 3, 1, self->area.width - 3, THEME_MUTED, text);
        return;
    }
    columns c = arrange(self->area.width);
    head(self, &c);
    bool focus = self->view->ui->focus == FOCUS_LIST && self->view->ui->pane == PANE_CONTAINERS;
    for (int y = 1; y < self->area.height; y++) {
        size_t index = list->top + (size_t)(y - 1);
        if (index >= list->count)
            break;
        row(self, &c, y, &model->containers[list->order[index]]);
        if (index == list->index)
            paint_selection(self, y, 1, focus);
    }
    painter rows = *self;
    rows.area.y++;
    rows.area.height--;
    paint_scroll(&rows, list->top, (size_t)rows.area.height, list->count);
}
