// What a thing is and how it does, at a glance.
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

#define LABEL 12

int detail_field(const painter *self, int y, const char *label, theme_role role, const char *text) {
    if (!text || !*text)
        return y;
    if (y < 0 || y >= self->area.height)
        return y + 1;
    paint(self, 1, y, LABEL, THEME_MUTED, label);
    paint(self, 1 + LABEL, y, self->area.width - LABEL - 2, role, text);
    return y + 1;
}

int detail_wrapped_field(const painter *self, int y, const char *label, theme_role role, const char *text) {
    if (!*text)
        return y;
    paint_line(self, 1, y, THEME_MUTED, label);
    painter inside = *self;
    inside.area.width--;
    return paint_wrapped(&inside, 1 + LABEL, y, role, text);
}

int detail_labels(const painter *self, int y, const json_t *labels) {
    const char *key;
    const json_t *value;
    bool first = true;
    json_object_foreach ((json_t *)labels, key, value) {
        const char *text = json_string_value(value);
        cleanup_free char *both = NULL;
        if (asprintf(&both, "%s%s%s", key, text && *text ? "=" : "", text ? text : "") < 0)
            abort();
        cleanup_free char *safe = holm_text_escape(both, strlen(both));
        y = detail_wrapped_field(self, y, first ? "labels" : "", THEME_TEXT, safe);
        first = false;
    }
    return y;
}

static int health_field(const painter *self, int y, const model_container *container) {
    char text[96];
    bool bad = model_container_unhealthy(container);
    int length = snprintf(text, sizeof(text), "%.20s", container->health);
    if (container->health_failures)
        snprintf(text + length, sizeof(text) - (size_t)length, ", %u failure%s in a row, exit code %d",
                 container->health_failures, container->health_failures == 1 ? "" : "s",
                 container->health_code);
    bool well = strcmp(container->health, "healthy") == 0;
    y = detail_field(self, y, "health", bad ? THEME_BAD : well ? THEME_GOOD : THEME_BUSY, text);
    return detail_wrapped_field(self, y, "it says", container->health_failures ? THEME_TEXT : THEME_MUTED,
                                container->health_output);
}

static int state_field(const painter *self, int y, const model_container *container) {
    char text[160], reason[64], age[16];
    theme_role role;
    const char *glyph = view_state(self->view, container, &role);
    int64_t now = self->view->now;
    if (model_container_busy(container))
        snprintf(text, sizeof(text), "%s %s", glyph, *container->state ? container->state : "starting");
    else if (model_container_running(container))
        snprintf(text, sizeof(text), "%s running for %s", glyph, view_age(now - container->started, age));
    else if (container->finished)
        snprintf(text, sizeof(text), "%s %s, %s ago", glyph,
                 model_exit_text(container, reason, sizeof(reason)),
                 view_age(now - container->finished, age));
    else
        snprintf(text, sizeof(text), "%s %s", glyph, model_exit_text(container, reason, sizeof(reason)));
    y = detail_field(self, y, "state", role, text);
    y = detail_wrapped_field(self, y, "why", THEME_BAD, container->error);
    if (model_container_running(container) && *container->health)
        y = health_field(self, y, container);
    if (container->restarts) {
        snprintf(text, sizeof(text), "%u", container->restarts);
        y = detail_field(self, y, "restarts", THEME_BUSY, text);
    }
    return y;
}

static int meter(const painter *self, int y, const char *label, double share, theme_gradient gradient,
                 const char *text) {
    if (y < 0 || y >= self->area.height)
        return y + 1;
    paint(self, 1, y, LABEL, THEME_MUTED, label);
    int bar = self->area.width < 50 ? -1 : self->area.width / 4; // what it is of matters more
    bar = bar > 24 ? 24 : bar;
    rect clip = self->area;
    graph_bar(self->out, &clip, self->area.x + 1 + LABEL, self->area.y + y, bar, share, self->view->theme,
              gradient, self->view->glyphs);
    paint(self, 1 + LABEL + bar + 1, y, self->area.width - LABEL - bar - 3, THEME_TEXT, text);
    return y + 1;
}

static int figures(const painter *self, int y, const model_stats *stats) {
    char text[128], first[8], second[8], third[8];
    const char *dot = self->view->glyphs->dot;
    snprintf(text, sizeof(text), "%s %% of one core %s %s %% of its %.3g",
             view_percent(stats->cpu_of_core, first), dot, view_percent(stats->cpu_of_share, second),
             stats->cpus);
    y = meter(self, y, "cpu", stats->cpu_of_share / 100, THEME_CPU, text);
    snprintf(text, sizeof(text), "%s of %s", view_bytes((double)stats->memory, first),
             view_bytes((double)stats->memory_limit, second));
    double share = stats->memory_limit ? (double)stats->memory / (double)stats->memory_limit : 0;
    y = meter(self, y, "memory", share, THEME_MEMORY, text);
    snprintf(text, sizeof(text), "%s on this host, %s given back",
             view_bytes((double)stats->host_memory, first), view_bytes((double)stats->given_back, second));
    if (stats->host_memory || stats->given_back)
        y = detail_field(self, y, "pays", THEME_MUTED, text);
    snprintf(text, sizeof(text), "in %s/s, out %s/s %s %s in all", view_bytes(stats->rx_rate, first),
             view_bytes(stats->tx_rate, second), dot, view_bytes((double)(stats->rx + stats->tx), third));
    y = detail_field(self, y, "network", THEME_TEXT, text);
    snprintf(text, sizeof(text), "read %s/s, written %s/s %s %u processes",
             view_bytes(stats->read_rate, first), view_bytes(stats->write_rate, second), dot,
             stats->processes);
    return detail_field(self, y, "disk", THEME_TEXT, text);
}

void detail_heading(const painter *self, int y, const char *text) {
    if (y < 0 || y >= self->area.height)
        return;
    for (int x = 1; x < self->area.width - 1; x++)
        paint(self, x, y, 1, THEME_BORDER, self->view->glyphs->horizontal);
    int used = paint(self, 2, y, self->area.width - 4, THEME_TITLE, " ");
    used += paint(self, 2 + used, y, self->area.width - 4, THEME_TITLE, text);
    paint(self, 2 + used, y, 1, THEME_TITLE, " ");
}

static int name_width(const painter *self) {
    int name = self->area.width / 3;
    return name > 28 ? 28 : name;
}

int detail_container_more(const painter *self, int y, const char *note) {
    int name = name_width(self);
    if (y >= 0 && y < self->area.height)
        paint(self, 4 + name, y, self->area.width - name - 5, THEME_MUTED, note);
    return y + 1;
}

int detail_container_line(const painter *self, int y, const model_container *container, const char *note) {
    theme_role role;
    int name = name_width(self);
    if (y < 0 || y >= self->area.height)
        return y + 1;
    const char *glyph = view_state(self->view, container, &role);
    paint(self, 1, y, 1, role, glyph);
    paint(self, 3, y, name, THEME_STRONG, container->name);
    paint(self, 4 + name, y, self->area.width - name - 5, THEME_MUTED, note);
    return y + 1;
}

int detail_overview(const painter *self) {
    const model_container *container = ui_container(self->view->ui, self->view->model);
    char text[2048], bytes[8], age[16];
    int top = (int)self->view->ui->detail_top, y = state_field(self, -top, container);
    y = detail_field(self, y, "image", THEME_STRONG, container->image);
    y = detail_field(self, y, "command", THEME_TEXT, container->command);
    y = detail_field(self, y, "address", THEME_TEXT, container->address);
    detail_ports(self->view, container, text, sizeof(text));
    y = detail_wrapped_field(self, y, "ports", THEME_TEXT, text);
    detail_mounts(self->view, container, text, sizeof(text));
    y = detail_wrapped_field(self, y, "mounts", THEME_TEXT, text);
    snprintf(text, sizeof(text), "%.3g cpus, %s memory", container->cpus,
             view_bytes((double)container->memory, bytes));
    y = detail_field(self, y, "may use", THEME_TEXT, container->cpus > 0 ? text : "");
    snprintf(text, sizeof(text), "%s ago", view_age(self->view->now - container->created, age));
    y = detail_field(self, y, "created", THEME_MUTED, container->created ? text : "");
    snprintf(text, sizeof(text), "%.12s", container->id);
    y = detail_field(self, y, "id", THEME_MUTED, text);
    if (container->stats && model_container_running(container))
        y = figures(self, y + 1, container->stats);
    int rows = self->area.height - y - 2;
    if (rows >= 2) {
        detail_heading(self, y + 1, "last lines");
        detail_log_tail(self, y + 2, rows);
    }
    return y + top;
}

// From the one that has been scrolled to. Returns the row after the last of them all.
static int outcome_rows(const painter *self, int y, const model_task *task) {
    const glyph_table *g = self->view->glyphs;
    const model_outcome **sorted = model_outcomes(task);
    int end = y + (int)task->outcome_count;
    for (size_t i = self->view->ui->detail_top; i < task->outcome_count && y < self->area.height; i++, y++) {
        bool failed = sorted[i]->state == OUTCOME_FAILED, done = sorted[i]->state == OUTCOME_DONE;
        paint(self, 1, y, 2,
              failed ? THEME_BAD
              : done ? THEME_GOOD
                     : THEME_BUSY,
              failed ? g->cross
              : done ? g->check
                     : g->changing);
        paint(self, 4, y, 24, THEME_STRONG, sorted[i]->name);
        paint(self, 29, y, self->area.width - 30, failed ? THEME_BAD : THEME_MUTED,
              failed ? sorted[i]->problem
              : done ? "done"
                     : "under way");
    }
    free(sorted);
    return end;
}

static int layer_rows(const painter *self, int y, const model_task *task) {
    char first[8], second[8];
    rect clip = self->area;
    int end = y + 1 + (int)task->layer_count;
    detail_heading(self, y++, "layers");
    for (size_t i = self->view->ui->detail_top; i < task->layer_count && y < self->area.height; i++, y++) {
        const model_layer *layer = &task->layers[i];
        bool done = strcmp(layer->phase, "done") == 0 || strcmp(layer->phase, "exists") == 0;
        paint(self, 1, y, 12, THEME_TEXT, layer->digest);
        int bar = self->area.width - 44;
        double share = done ? 1 : layer->total ? (double)layer->done / (double)layer->total : 0;
        if (bar >= 4)
            graph_bar(self->out, &clip, self->area.x + 15, self->area.y + y, bar, share, self->view->theme,
                      THEME_PROGRESS, self->view->glyphs);
        int x = bar >= 4 ? 16 + bar : 15;
        paint_right(self, x, y, 5, THEME_STRONG, view_bytes((double)layer->done, first));
        paint_format(self, x + 5, y, THEME_MUTED, " / %-5s",
                     layer->total ? view_bytes((double)layer->total, second) : "?");
        paint(self, x + 14, y, 12, done ? THEME_GOOD : THEME_MUTED, layer->phase);
    }
    return end;
}

// What a command has printed. Returns the row after it.
static int output_rows(const painter *self, int y, const char *text) {
    size_t skip = self->view->ui->detail_top;
    detail_heading(self, y++, "output");
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        if (skip) {
            skip--;
            continue;
        }
        char line[512];
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
        if (y < self->area.height)
            paint(self, 1, y, self->area.width - 2, THEME_TEXT, line);
        y++;
    }
    return y;
}

int detail_task(const painter *self) {
    const model_task *task = ui_task(self->view->ui, self->view->model);
    char text[128], first[8], second[8], rate[8];
    int y = detail_wrapped_field(self, 0, task->kind, THEME_STRONG, task->subject);
    y = detail_field(self, y, "phase",
                     task->failed ? THEME_BAD
                     : task->done ? THEME_GOOD
                                  : THEME_BUSY,
                     task->phase);
    if (task->bytes_total) {
        snprintf(text, sizeof(text), "%s of %s", view_bytes((double)task->bytes_done, first),
                 view_bytes((double)task->bytes_total, second));
        y = meter(self, y, "bytes", (double)task->bytes_done / (double)task->bytes_total, THEME_PROGRESS,
                  text);
    }
    if (!task->done && task->rate >= 1) {
        double left = (double)(task->bytes_total - task->bytes_done) / task->rate;
        int length = snprintf(text, sizeof(text), "%s/s", view_bytes(task->rate, rate));
        if (task->bytes_done < task->bytes_total && left < 360000)
            snprintf(text + length, sizeof(text) - (size_t)length, ", %d:%02d left", (int)left / 60,
                     (int)left % 60);
        y = detail_field(self, y, "rate", THEME_TEXT, text);
    }
    y = detail_wrapped_field(self, y, "failed", THEME_BAD, task->error);
    y = detail_wrapped_field(self, y, "to do", THEME_TEXT, task->hint);
    if (task->outcome_count)
        return outcome_rows(self, y + 1, task);
    if (task->output && *task->output)
        return output_rows(self, y + 1, task->output) + (int)self->view->ui->detail_top;
    return task->layer_count ? layer_rows(self, y + 1, task) : y;
}
