// Graphs of one container, and what their percentages are of.
#include <math.h>
#include <stdio.h>

#include "tui/view.h"

typedef struct chart_data {
    const char *title;
    const history *values;
    double top;  ///< what the full height stands for
    double full; ///< what the end of the gradient stands for
    theme_gradient gradient;
    char now[48], most[48];
} chart_data;

static void draw_chart(const painter *self, rect area, const chart_data *chart) {
    painter box = {self->view, self->out, area};
    for (int x = 0; x < area.width; x++)
        paint(&box, x, 0, 1, THEME_BORDER, self->view->glyphs->horizontal);
    int x = paint(&box, 1, 0, 1, THEME_TITLE, " ") + 1;
    x += paint(&box, x, 0, area.width - 4, THEME_TITLE, chart->title);
    paint(&box, x, 0, 1, THEME_TITLE, " ");
    int most = cell_text_width(chart->most);
    if (x + most + 4 < area.width)
        paint_format(&box, area.width - most - 3, 0, THEME_MUTED, " %s ", chart->most);
    int label = 14;
    rect graph = {area.x + 1, area.y + 1, area.width - label - 2, area.height - 1};
    if (graph.width < 8) {
        graph.width = area.width - 2;
        label = 0;
    }
    graph_area(self->out, &graph, chart->values, chart->top, chart->full, self->view->theme, chart->gradient,
               self->view->glyphs);
    if (label)
        paint_right(&box, area.width - label, area.height - 1, label - 1, THEME_STRONG, chart->now);
}

// The next round figure above, so that the scale does not jump with every reading.
static double round_up(double value, double least) {
    double top = least;
    while (top < value)
        top *= 2;
    return top;
}

static chart_data cpu_chart(const model_stats *stats) {
    chart_data c = {.title = "cpu, % of one core", .values = &stats->cpu_history, .gradient = THEME_CPU};
    char number[8];
    c.full = c.top = stats->cpus > 0 ? stats->cpus * 100 : 100;
    double most = history_most(c.values, HISTORY_LENGTH);
    if (most < c.top / 2)
        c.top = fmin(c.top, round_up(most * 1.1, 12.5));
    snprintf(c.now, sizeof(c.now), "%s %%", view_percent(stats->cpu_of_core, number));
    snprintf(c.most, sizeof(c.most), "full height %.0f %%, its share %.0f %%", c.top, stats->cpus * 100);
    return c;
}

static chart_data memory_chart(const model_stats *stats) {
    chart_data c = {.title = "memory", .values = &stats->memory_history, .gradient = THEME_MEMORY};
    char now[8], limit[8];
    c.full = c.top = stats->memory_limit ? (double)stats->memory_limit : 1;
    double most = history_most(c.values, HISTORY_LENGTH);
    if (most < c.top / 2)
        c.top = fmin(c.top, round_up(most * 1.1, 16 << 20));
    snprintf(c.now, sizeof(c.now), "%s", view_bytes((double)stats->memory, now));
    snprintf(c.most, sizeof(c.most), "full height %s, ", view_bytes(c.top, limit));
    size_t used = (size_t)snprintf(NULL, 0, "full height %s, ", limit);
    snprintf(c.most + used, sizeof(c.most) - used, "limit %s",
             view_bytes((double)stats->memory_limit, limit));
    return c;
}

static chart_data rate_chart(const char *title, const history *values, double now) {
    chart_data c = {.title = title, .values = values, .gradient = THEME_NETWORK};
    char number[8];
    c.full = c.top = round_up(history_most(values, HISTORY_LENGTH) * 1.1, 1024);
    snprintf(c.now, sizeof(c.now), "%s/s", view_bytes(now, number));
    snprintf(c.most, sizeof(c.most), "full height %s/s", view_bytes(c.top, number));
    return c;
}

void detail_stats(const painter *self) {
    const model_container *container = ui_container(self->view->ui, self->view->model);
    if (!model_container_running(container) || !container->stats) {
        paint(self, 1, 0, self->area.width - 2, THEME_MUTED,
              model_container_running(container) ? "waiting for the first reading"
                                                 : "it does not run: nothing to measure");
        return;
    }
    const model_stats *stats = container->stats;
    const chart_data charts[] = {cpu_chart(stats), memory_chart(stats),
                                 rate_chart("network in", &stats->rx_history, stats->rx_rate),
                                 rate_chart("network out", &stats->tx_history, stats->tx_rate)};
    int height = self->area.height, width = self->area.width;
    bool network = height >= 16;
    int last = network ? height / 4 : 0, each = (height - last) / 2;
    draw_chart(self, (rect){self->area.x, self->area.y, width, each}, &charts[0]);
    draw_chart(self, (rect){self->area.x, self->area.y + each, width, height - last - each}, &charts[1]);
    if (!network)
        return;
    rect left = {self->area.x, self->area.y + height - last, width / 2, last};
    rect right = {left.x + left.width, left.y, width - left.width, last};
    draw_chart(self, left, &charts[2]);
    draw_chart(self, right, &charts[3]);
}
