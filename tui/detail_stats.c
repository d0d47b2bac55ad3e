// Graphs of one container and of the whole host, and what their figures are of. For screen readers the same
// in words.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

#define TALL   6   // rows of the graphs that have the whole width
#define SHORT  5   // rows of those that stand in pairs
#define LABEL  14  // columns for what it is now
#define BESIDE 150 // columns from which on the tall ones stand in pairs too
#define CHARTS 10

typedef enum figure_kind { FIGURE_PERCENT, FIGURE_BYTES, FIGURE_RATE, FIGURE_COUNT } figure_kind;

typedef struct chart_data {
    const char *title;
    const history *values;
    theme_gradient gradient;
    figure_kind figure;
    double top;     ///< what the full height stands for
    double full;    ///< what the end of the gradient stands for
    char scale[56]; ///< what the full height is, in words
} chart_data;

static const char *say(figure_kind figure, double value, char out[24]) {
    char number[8];
    if (figure == FIGURE_PERCENT)
        snprintf(out, 24, "%s %%", view_percent(value, number));
    else if (figure == FIGURE_COUNT)
        snprintf(out, 24, "%.0f", value);
    else
        snprintf(out, 24, "%s%s", view_bytes(value, number), figure == FIGURE_RATE ? "/s" : "");
    return out;
}

// The next round figure above, so that the scale does not jump with every reading.
static double round_up(double value, double least) {
    double top = least;
    while (top < value)
        top *= 2;
    return top;
}

// ---- what there is to draw ----

// Of something that has a limit: small readings are to be seen too.
static chart_data limited(const char *title, const history *values, figure_kind figure,
                          theme_gradient gradient, double limit, double least) {
    chart_data c = {.title = title, .values = values, .gradient = gradient, .figure = figure};
    char top[24];
    c.full = c.top = limit > 0 ? limit : least;
    double most = history_most(values, HISTORY_LENGTH);
    if (most < c.top / 2)
        c.top = fmin(c.top, round_up(most * 1.1, least));
    if (figure == FIGURE_PERCENT)
        snprintf(c.scale, sizeof(c.scale), "full height %.0f %%", c.top);
    else
        snprintf(c.scale, sizeof(c.scale), "full height %s", say(figure, c.top, top));
    return c;
}

static void add_limit(chart_data *self, const char *name) {
    char limit[24];
    size_t used = strlen(self->scale);
    if (self->figure == FIGURE_PERCENT)
        snprintf(limit, sizeof(limit), "%.0f %%", self->full);
    else
        say(self->figure, self->full, limit);
    snprintf(self->scale + used, sizeof(self->scale) - used, ", %s %s", name, limit);
}

static chart_data unlimited(const char *title, const history *values, figure_kind figure, double least) {
    chart_data c = {.title = title, .values = values, .gradient = THEME_NETWORK, .figure = figure};
    char top[24];
    c.full = c.top = round_up(history_most(values, HISTORY_LENGTH) * 1.1, least);
    snprintf(c.scale, sizeof(c.scale), "full height %s", say(figure, c.top, top));
    return c;
}

static size_t container_charts(const model_stats *stats, chart_data out[CHARTS]) {
    out[0] = limited("cpu, % of one core", &stats->cpu_history, FIGURE_PERCENT, THEME_CPU,
                     stats->cpus > 0 ? stats->cpus * 100 : 100, 12.5);
    out[1] = limited("memory", &stats->memory_history, FIGURE_BYTES, THEME_MEMORY,
                     (double)stats->memory_limit, 16 << 20);
    add_limit(&out[0], "its share");
    add_limit(&out[1], "limit");
    out[2] = unlimited("network in", &stats->rx_history, FIGURE_RATE, 1024);
    out[3] = unlimited("network out", &stats->tx_history, FIGURE_RATE, 1024);
    out[4] = unlimited("disk read", &stats->read_history, FIGURE_RATE, 1024);
    out[5] = unlimited("disk written", &stats->write_history, FIGURE_RATE, 1024);
    out[6] = unlimited("processes", &stats->process_history, FIGURE_COUNT, 4);
    out[7] = limited("memory given back", &stats->back_history, FIGURE_BYTES, THEME_MEMORY,
                     (double)stats->memory_limit, 16 << 20);
    return 8;
}

static size_t host_charts(const model_host *host, chart_data out[CHARTS]) {
    if (!host->cpu_history.count)
        return 0;
    out[0] = limited("cpu, % of all cores", &host->cpu_history, FIGURE_PERCENT, THEME_CPU, 100, 12.5);
    out[1] = limited("memory", &host->memory_history, FIGURE_BYTES, THEME_MEMORY, (double)host->memory_total,
                     64 << 20);
    out[2] = unlimited("network in", &host->rx_history, FIGURE_RATE, 1024);
    out[3] = unlimited("network out", &host->tx_history, FIGURE_RATE, 1024);
    out[4] = unlimited("disk read", &host->read_history, FIGURE_RATE, 1024);
    out[5] = unlimited("disk written", &host->write_history, FIGURE_RATE, 1024);
    out[6] = unlimited("threads", &host->thread_history, FIGURE_COUNT, 64);
    return 7;
}

// ---- graphs ----

static void draw_chart(const painter *self, int x, int y, int width, int height, const chart_data *chart) {
    char now[24];
    for (int i = 0; i < width; i++)
        paint_line(self, x + i, y, THEME_BORDER, self->view->glyphs->horizontal);
    rect line = {self->area.x + x, self->area.y + y, width, 1};
    line = rect_intersect(line, self->area);
    painter head = {self->view, self->out, line};
    int used = paint(&head, 1, 0, 1, THEME_TITLE, " ") + 1;
    used += paint(&head, used, 0, width - 4, THEME_TITLE, chart->title);
    paint(&head, used, 0, 1, THEME_TITLE, " ");
    int most = cell_text_width(chart->scale);
    if (used + most + 4 < width)
        paint_format(&head, width - most - 3, 0, THEME_MUTED, " %s ", chart->scale);
    int label = width - LABEL - 2 < 8 ? 0 : LABEL;
    rect graph = {self->area.x + x + 1, self->area.y + y + 1, width - label - 2, height - 1};
    graph_area(self->out, &self->area, &graph, chart->values, chart->top, chart->full, self->view->theme,
               chart->gradient, self->view->glyphs);
    double value = history_at(chart->values, 0);
    if (label && value >= 0 && y + height - 1 >= 0 && y + height - 1 < self->area.height)
        paint_right(self, x + width - label, y + height - 1, label - 1, THEME_STRONG,
                    say(chart->figure, value, now));
}

// The first two have the whole width, or a row for both where it is wide; then come pairs. Returns the next
// row.
static int draw_charts(const painter *self, int y, int tall, const chart_data *charts, size_t count) {
    int width = self->area.width;
    for (size_t i = 0; i < count;) {
        bool whole = i < 2 && width < BESIDE, pair = !whole && i + 1 < count;
        int height = i < 2 ? tall : SHORT, left = pair || !whole ? width / 2 : width;
        draw_chart(self, 0, y, left, height, &charts[i]);
        if (pair)
            draw_chart(self, left, y, width - left, height, &charts[i + 1]);
        y += height;
        i += pair ? 2 : 1;
    }
    return y;
}

static int rows_of(const painter *self, int tall, size_t count) {
    if (!count)
        return 0;
    int rows = self->area.width < BESIDE ? 2 * tall : tall;
    return rows + (int)(count - 1) / 2 * SHORT;
}

// What is left over goes to the tall ones, so that nothing is scrolled where all of it has room.
static int tall_rows(const painter *self, size_t own, size_t host) {
    int height = self->area.height, tall = height < 2 * TALL ? height / 2 : TALL;
    tall = tall < 3 ? 3 : tall;
    int all = rows_of(self, tall, own) + rows_of(self, tall, host) + (host > 0);
    int rest = height - (all <= height || !own ? all : rows_of(self, tall, own));
    int graphs = self->area.width < BESIDE ? 2 : 1;
    if (all <= height && own && host)
        graphs *= 2;
    return rest > 0 ? tall + rest / graphs : tall;
}

// ---- words ----

static int say_readings(const painter *self, int y, int count) {
    char text[64];
    snprintf(text, sizeof(text), "the last %d readings, one a second", count);
    paint_line(self, 0, y, THEME_MUTED, text);
    return y + 1;
}

static int say_charts(const painter *self, int y, const chart_data *charts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const history *values = charts[i].values;
        char now[24], least[24], most[24], text[128];
        double low = history_at(values, 0);
        for (int age = 0; age < values->count; age++)
            low = fmin(low, history_at(values, age));
        const char *limit = strchr(charts[i].scale, ',');
        snprintf(text, sizeof(text), "%s: %s%s, least %s, most %s", charts[i].title,
                 say(charts[i].figure, history_at(values, 0), now), limit ? limit : "",
                 say(charts[i].figure, low, least),
                 say(charts[i].figure, history_most(values, HISTORY_LENGTH), most));
        paint_line(self, 0, y++, THEME_TEXT, values->count ? text : charts[i].title);
    }
    return y;
}

int detail_stats(const painter *self) {
    const model_container *container = ui_container(self->view->ui, self->view->model);
    bool plain = self->view->ui->plain, running = model_container_running(container);
    chart_data own[CHARTS], all[CHARTS];
    size_t own_count = running && container->stats ? container_charts(container->stats, own) : 0;
    size_t host_count = host_charts(&self->view->model->host, all);
    int top = (int)self->view->ui->detail_top, y = -top, tall = tall_rows(self, own_count, host_count);
    if (!own_count)
        paint_line(self, 1, y++, THEME_MUTED,
                   running ? "waiting for the first reading" : "it does not run: nothing to measure");
    if (plain && own_count)
        y = say_readings(self, y, container->stats->cpu_history.count);
    y = plain ? say_charts(self, y, own, own_count) : draw_charts(self, y, tall, own, own_count);
    if (host_count && plain)
        paint_line(self, 0, y++, THEME_TITLE, "this host");
    else if (host_count)
        detail_heading(self, y++, "this host");
    y = plain ? say_charts(self, y, all, host_count) : draw_charts(self, y, tall, all, host_count);
    return y + top;
}
