#include <stdio.h>
#include <string.h>

#include "tui/view.h"

static void row(const painter *self, int y, const model_image *image) {
    const glyph_table *g = self->view->glyphs;
    char bytes[8], age[16], users[32] = "";
    int width = self->area.width;
    int users_at = width - 6, age_at = users_at - 8, size_at = age_at - 6, platform_at = size_at - 8;
    bool wide = width >= 56;
    int name_width = (width < 34 ? width - 8 : wide ? platform_at : size_at) - 4;
    if (width < 34)
        size_at = width - 6;
    paint(self, 3, y, name_width, THEME_STRONG, image->name);
    paint_right(self, size_at, y, 5, THEME_TEXT, view_bytes((double)image->size, bytes));
    if (width < 34)
        return;
    const char *architecture = strchr(image->platform, '/');
    if (wide)
        paint(self, platform_at, y, 7, THEME_MUTED, architecture ? architecture + 1 : image->platform);
    if (image->created)
        paint_right(self, age_at, y, 7, THEME_MUTED, view_age(self->view->now - image->created, age));
    if (image->containers) {
        snprintf(users, sizeof(users), "%s %u", g->running, image->containers);
        paint(self, users_at + 1, y, 5, THEME_GOOD, users);
    }
}

static void head(const painter *self) {
    int width = self->area.width, users_at = width - 6;
    paint(self, 3, 0, 20, THEME_COLUMN, "NAME");
    if (width < 34) {
        paint_right(self, width - 6, 0, 5, THEME_COLUMN, "SIZE");
        return;
    }
    if (width >= 56)
        paint(self, users_at - 22, 0, 7, THEME_COLUMN, "FOR");
    paint_right(self, users_at - 14, 0, 5, THEME_COLUMN, "SIZE");
    paint_right(self, users_at - 8, 0, 7, THEME_COLUMN, "AGE");
    paint(self, users_at + 1, 0, 4, THEME_COLUMN, "USED");
}

void pane_images(const painter *self) {
    const ui_list *list = &self->view->ui->lists[PANE_IMAGES];
    const model_state *model = self->view->model;
    if (!list->count) {
        const char *text = !model->images_known ? "reading"
                           : *list->filter      ? "nothing matches"
                                                : "no images yet: p pulls one";
        paint(self, 3, 1, self->area.width - 3, THEME_MUTED, text);
        return;
    }
    head(self);
    bool focus = self->view->ui->focus == FOCUS_LIST && self->view->ui->pane == PANE_IMAGES;
    for (int y = 1; y < self->area.height; y++) {
        size_t index = list->top + (size_t)(y - 1);
        if (index >= list->count)
            break;
        row(self, y, &model->images[list->order[index]]);
        if (index == list->index && (focus || self->view->ui->pane == PANE_IMAGES))
            paint_selection(self, y, 1, focus);
    }
    painter rows = *self;
    rows.area.y++;
    rows.area.height--;
    paint_scroll(&rows, list->top, (size_t)rows.area.height, list->count);
}
