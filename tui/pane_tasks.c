#include <stdio.h>
#include <string.h>
#include <strings.h>

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

static void draw_name(const painter *self, int x, int y, int width, const void *item) {
    paint(self, x, y, width, THEME_STRONG, ((const model_task *)item)->subject);
}

static void draw_progress(const painter *self, int x, int y, int width, const void *item) {
    const model_task *task = item;
    (void)width;
    if ((task->outcome_count || task->output) && !task->done)
        paint_format(self, x, y, THEME_TEXT, "%s %s %s", task->kind, self->view->glyphs->dot, task->phase);
    else if (task->done)
        outcome(self, y, task, x);
    else
        progress(self, y, task, x);
}

// "✗ web  ✓ db  · build": failures first.
static void outcomes(const painter *self, int y, const model_task *task) {
    const glyph_table *g = self->view->glyphs;
    const model_outcome **sorted = model_outcomes(task);
    int x = 3;
    for (size_t i = 0; i < task->outcome_count && x + 8 < self->area.width; i++) {
        bool failed = sorted[i]->state == OUTCOME_FAILED, done = sorted[i]->state == OUTCOME_DONE;
        x += paint(self, x, y, 2,
                   failed ? THEME_BAD
                   : done ? THEME_GOOD
                          : THEME_BUSY,
                   failed ? g->cross
                   : done ? g->check
                          : g->changing) +
             1;
        x += paint(self, x, y, 16, failed ? THEME_BAD : THEME_MUTED, sorted[i]->name) + 2;
    }
    free(sorted);
}

// The last line that a command has printed.
static void last_line(const painter *self, int y, const char *output) {
    size_t end = strlen(output), from;
    while (end && output[end - 1] == '\n')
        end--;
    for (from = end; from && output[from - 1] != '\n';)
        from--;
    char line[256];
    snprintf(line, sizeof(line), "%.*s", (int)(end - from), output + from);
    paint(self, 3, y, self->area.width - 4, THEME_MUTED, line);
}

static void second(const painter *self, int y, const void *item) {
    const model_task *task = item;
    if (task->outcome_count)
        outcomes(self, y, task);
    else if (task->output)
        last_line(self, y, task->output);
    else if (task->done && task->failed)
        paint(self, 3, y, self->area.width - 4, THEME_MUTED, *task->hint ? task->hint : "");
    else
        layers(self, y, task);
}

static int by_name(const void *a, const void *b) {
    return strcasecmp(((const model_task *)a)->subject, ((const model_task *)b)->subject);
}

static const list_column columns[] = {
    {"name", "NAME", 9, 1, 0, .draw = draw_name, .compare = by_name},
    {"progress", "PROGRESS", 18, 3, 0, .draw = draw_progress},
};

static const void *items(const model_state *model, size_t *count) {
    *count = model->task_count;
    return model->tasks;
}

static const char *id(const void *item) {
    return ((const model_task *)item)->id;
}

static const char *title(const void *item) {
    return ((const model_task *)item)->subject;
}

static void words(const void *item, const char *out[LIST_WORDS]) {
    out[0] = ((const model_task *)item)->subject;
    out[1] = ((const model_task *)item)->kind;
    out[2] = ((const model_task *)item)->phase;
}

// What is under way first, then what failed.
static int natural(const void *a, const void *b) {
    const model_task *one = a, *other = b;
    return one->done != other->done ? one->done - other->done : other->failed - one->failed;
}

static const char *glyph(const view_context *view, const void *item, theme_role *role) {
    const model_task *task = item;
    const glyph_table *g = view->glyphs;
    *role = task->failed ? THEME_BAD : task->done ? THEME_GOOD : THEME_ACCENT;
    return task->failed ? g->cross : task->done ? g->check : g->pull;
}

const list_kind list_tasks = {
    .name = "tasks",
    .empty = "nothing under way",
    .key = '5',
    .noun = ACTION_NOUN_TASK,
    .columns = columns,
    .column_count = array_length(columns),
    .item_size = sizeof(model_task),
    .items = items,
    .id = id,
    .title = title,
    .words = words,
    .natural = natural,
    .glyph = glyph,
    .second = second,
};
