// What the doctor found, and the first start: what is needed, what is there, what to do.
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

#define BOX_WIDTH 96
#define NAME      18 // where what was found begins

// ---- the doctor ----

static int one_check(const painter *self, int y, const model_check *check) {
    const glyph_table *g = self->view->glyphs;
    static const theme_role roles[] = {THEME_GOOD, THEME_BUSY, THEME_BAD};
    const char *const glyphs[] = {g->check, "!", g->cross};
    paint_line(self, 0, y, roles[check->state], glyphs[check->state]);
    paint_line(self, 2, y, THEME_STRONG, check->name);
    bool narrow = self->area.width < 50; // what was found below the name
    int x = narrow ? 2 : NAME;
    y = paint_wrapped(self, x, y + narrow, check->state == CHECK_GOOD ? THEME_TEXT : roles[check->state],
                      check->found);
    char looked[512];
    snprintf(looked, sizeof(looked), "looked at %.480s", check->looked);
    if (check->state != CHECK_GOOD)
        y = paint_wrapped(self, x, y, THEME_MUTED, looked);
    return *check->advice ? paint_wrapped(self, x, y, THEME_MATCH, check->advice) : y;
}

static int all_checks(const painter *self, int y) {
    const model_state *model = self->view->model;
    if (!model->checks_known)
        paint_line(self, 0, y++, THEME_MUTED, "looking");
    for (size_t i = 0; i < model->check_count; i++)
        y = one_check(self, y, &model->checks[i]);
    return y;
}

// Rows that all of it takes on a screen as wide as this.
static int rows_taken(const view_context *self, int columns) {
    grid nothing = {0};
    int width = (BOX_WIDTH < columns - 2 ? BOX_WIDTH : columns - 2) - 4;
    return all_checks(&(painter){self, &nothing, {0, 0, width, 0}}, 0);
}

size_t view_doctor_most(const view_context *self, int columns, int rows) {
    int taken = rows_taken(self, columns), page = rows - 2 - 4;
    return taken > page ? (size_t)(taken - page) : 0;
}

void view_doctor(const view_context *self, grid *out) {
    size_t missing = model_missing_count(self->model);
    painter box = view_dialog(self, out, BOX_WIDTH, rows_taken(self, out->columns) + 4, missing > 0);
    size_t most = view_doctor_most(self, out->columns, out->rows);
    size_t top = self->ui->overlay.top < most ? self->ui->overlay.top : most;
    painter text = box;
    text.area.height = box.area.height - 2;
    int rows = all_checks(&text, -(int)top) + (int)top;
    painter right = text;
    right.area.width += 1;
    paint_scroll(&right, top, (size_t)(text.area.height > 0 ? text.area.height : 0), (size_t)rows);
    int y = box.area.height - 1, x = 0;
    x = view_dialog_key(&box, x, y, 'r', "r", "look again");
    x = view_dialog_key(&box, x, y, INPUT_ESCAPE, "esc", "close");
    if (self->model->checks_known && missing)
        paint_format(&box, x, y, THEME_BAD, "%zu missing", missing);
    else if (self->model->checks_known)
        paint(&box, x, y, 30, THEME_GOOD, "nothing needed is missing");
}

// ---- the first start ----

bool view_is_empty(const model_state *model) {
    return model->containers_known && model->images_known && !model->container_count && !model->image_count &&
           !model->task_count && !model->lost;
}

// A centred line whose first word is a key.
static void key_line(const painter *self, int y, const char *text) {
    paint_center(self, y, THEME_TEXT, text);
    int x = (self->area.width - cell_text_width(text)) / 2;
    char key[24];
    snprintf(key, sizeof(key), "%.*s", (int)strcspn(text, " "), text);
    if (x >= 0)
        paint(self, x, y, cell_text_width(key), THEME_KEY, key);
}

static const char *first_key(const view_context *self, const char *name, char out[24]) {
    const char *keys = action_keymap_keys(self->keymap, action_find(name));
    snprintf(out, 24, "%.*s", (int)strcspn(keys, " "), keys);
    return out;
}

// The guest kernel, where it is not there yet.
static int kernel_lines(const painter *card, int y) {
    const model_state *model = card->view->model;
    char text[64];
    if (!model->system_known || (model->kernel && *model->kernel))
        return y;
    snprintf(text, sizeof(text), "The guest kernel is being built: %d %%", model->kernel_percent);
    if (model->kernel_percent >= 0) {
        paint_center(card, y, THEME_BUSY, text);
        return y + 1;
    }
    paint_center(card, y, THEME_BAD, "The guest kernel is not built yet.");
    paint_center(card, y + 1, THEME_TEXT, "kernel/build.sh builds it, once");
    return y + 2;
}

static int accelerator_lines(const painter *card, int y) {
    const model_state *model = card->view->model;
    if (!model->accelerator || !*model->accelerator || strcmp(model->accelerator, "kvm") == 0)
        return y;
    paint_center(card, y, THEME_BUSY,
                 card->area.width < 60 ? "Emulation: slower, but it works."
                                       : "This machine runs by emulation: slower, but it works.");
    if (model->accelerator_reason && *model->accelerator_reason)
        paint_center(card, y + 1, THEME_MUTED, model->accelerator_reason);
    return y + 2;
}

static void doctor_line(const painter *card, int y) {
    char key[24], text[128];
    size_t missing = model_missing_count(card->view->model);
    first_key(card->view, "system.doctor", key);
    if (missing)
        snprintf(text, sizeof(text), "%s  tells what is missing: %zu", key, missing);
    else
        snprintf(text, sizeof(text), "%s  tells what holm needs and finds", key);
    key_line(card, y, text);
}

bool view_welcome(const view_context *self, grid *out, rect area) {
    const ui_list *list = &self->ui->lists[self->ui->pane];
    if (!view_is_empty(self->model) || list->count || *list->filter)
        return false; // there may be volumes and networks before there is an image
    painter card = {self, out, area};
    char key[24], text[128];
    int y = area.height / 2 - 6;
    y = y < 0 ? 0 : y;
    paint_center(&card, y, THEME_STRONG, "Welcome to holm.");
    paint_center(&card, y + 1, THEME_MUTED,
                 area.width < 60 ? "Each container has its own machine."
                                 : "Every container here is a small machine of its own.");
    paint_center(&card, y + 3, THEME_TEXT, "There is no image yet.");
    snprintf(text, sizeof(text),
             area.width < 60 ? "%s  pulls one, like alpine"
                             : "%s  pulls one from a registry: alpine, debian:12, nginx",
             first_key(self, "image.pull", key));
    key_line(&card, y + 4, text);
    doctor_line(&card, y + 5);
    y = kernel_lines(&card, y + 7);
    accelerator_lines(&card, y);
    return true;
}
