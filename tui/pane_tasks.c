#include <stdio.h>
#include <string.h>

#include "tui/view.h"

static double share(uint64_t done, uint64_t total) {
    return total ? (double)done / (double)total : 0;
}

static void outcome(const painter *self, int y, const model_task *task, int from) {
    const glyph_table *g = self->view->glyphs;
    if (task->failed)
        paint(self, from, y, self->area.width - from - 1, THEME_BAD, *task->error ? task->error : "failed");
    else
        paint_format(self, from, y, strcmp(task->phase, "cancelled") == 0 ? THEME_OFF : THEME_GOOD, "%s %s",
                     strcmp(task->phase, "cancelled") == 0 ? g->stopped : g->check, task->phase);
}

static void progress(const painter *self, int y, const model_task *task, int from) {
    char rate[8];
    int width = self->area.width, figures = width >= 56 ? 26 : 6;
    int bar = width - from - figures - 1;
    double part = share(task->bytes_done, task->bytes_total);
    rect clip = self->area;
    if (bar >= 4)
        graph_bar(self->out, &clip, self->area.x + from, self->area.y + y, bar, part, self->view->theme,
                  THEME_PROGRESS, self->view->glyphs);
    int x = width - figures;
    if (!task->bytes_total) {
        paint(self, x, y, figures - 1, THEME_MUTED, task->phase);
        return;
    }
    x += paint_format(self, x, y, THEME_STRONG, "%3.0f %%", part * 100);
    if (figures < 26 || task->rate < 1)
        return;
    double left = (double)(task->bytes_total - task->bytes_done) / task->rate;
    x += paint_format(self, x, y, THEME_MUTED, " %5s/s", view_bytes(task->rate, rate));
    if (task->bytes_done < task->bytes_total && left < 360000)
        paint_format(self, x, y, THEME_MUTED, " %2d:%02d left", (int)left / 60, (int)left % 60);
}

// The layers in small: what is done, what is under way, what waits.
static void layers(const painter *self, int y, const model_task *task) {
    const glyph_table *g = self->view->glyphs;
    int x = 3;
    rect clip = self->area;
    for (size_t i = 0; i < task->layer_count && x + 13 < self->area.width; i++) {
        const model_layer *layer = &task->layers[i];
        x += paint_format(self, x, y, THEME_MUTED, "%.4s ", layer->digest);
        if (strcmp(layer->phase, "done") == 0 || strcmp(layer->phase, "exists") == 0) {
            x += paint(self, x, y, 2, THEME_GOOD, g->check);
        } else if (strcmp(layer->phase, "queued") == 0) {
            x += paint(self, x, y, 1, THEME_OFF, g->dot);
        } else {
            graph_bar(self->out, &clip, self->area.x + x, self->area.y + y, 5,
                      share(layer->done, layer->total), self->view->theme, THEME_PROGRESS, g);
            x += 5;
        }
        x += 2;
    }
    if (!task->layer_count)
        paint(self, x, y, self->area.width - x, THEME_MUTED, task->phase);
}

static void row(const painter *self, int y, int rows, const model_task *task) {
    const glyph_table *g = self->view->glyphs;
    int name = self->area.width >= 56 ? 18 : self->area.width / 2 - 4;
    theme_role role = task->failed ? THEME_BAD : task->done ? THEME_GOOD : THEME_ACCENT;
    paint(self, 1, y, 1, role, task->failed ? g->cross : task->done ? g->check : g->pull);
    paint(self, 3, y, name, THEME_STRONG, task->subject);
    if (task->done)
        outcome(self, y, task, 3 + name + 1);
    else
        progress(self, y, task, 3 + name + 1);
    if (rows < 2)
        return;
    if (task->done && task->failed)
        paint(self, 3, y + 1, self->area.width - 4, THEME_MUTED, *task->hint ? task->hint : "");
    else
        layers(self, y + 1, task);
}

void pane_tasks(const painter *self) {
    const ui_list *list = &self->view->ui->lists[PANE_TASKS];
    const model_state *model = self->view->model;
    if (!list->count) {
        paint(self, 3, 0, self->area.width - 3, THEME_MUTED, "nothing under way");
        return;
    }
    bool here = self->view->ui->pane == PANE_TASKS, focus = here && self->view->ui->focus == FOCUS_LIST;
    int rows = self->area.width >= 50 ? 2 : 1;
    int y = 0;
    for (size_t i = list->top; i < list->count && y < self->area.height; i++, y += rows) {
        row(self, y, rows, &model->tasks[list->order[i]]);
        if (i == list->index && here)
            paint_selection(self, y, rows, focus);
    }
    paint_scroll(self, list->top, (size_t)(self->area.height / rows), list->count);
}
