// How every list is drawn: column names, rows, marks, groups, what is said when it is empty.
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

#define FIRST_COLUMN 3 // after the mark and the glyph
#define GROUP_WIDTH  14

static int first_column(const ui_list *list) {
    return FIRST_COLUMN + (*list->group ? GROUP_WIDTH + 1 : 0);
}

list_columns view_list_columns(const ui_list *list, const list_kind *kind, int width) {
    return list_arrange(kind, list->columns, first_column(list), width);
}

static void head(const painter *self, ui_pane pane, const list_columns *columns) {
    const list_kind *kind = ui_kind(pane);
    const ui_list *list = &self->view->ui->lists[pane];
    if (*list->group)
        paint(self, FIRST_COLUMN, 0, GROUP_WIDTH, THEME_COLUMN, list->group);
    const glyph_table *g = self->view->glyphs;
    for (int i = 0; i < columns->count; i++) {
        const list_column *column = &kind->columns[columns->index[i]];
        char title[48];
        bool sorted = list->sort == columns->index[i] + 1;
        snprintf(title, sizeof(title), "%s%s", column->title, !sorted ? "" : list->reverse ? g->up : g->down);
        theme_role role = sorted ? THEME_ACCENT : THEME_COLUMN;
        view_target_add(self->view, (view_target){.kind = TARGET_COLUMN,
                                                  .area = {self->area.x + columns->x[i], self->area.y,
                                                           columns->width[i], 1},
                                                  .which = (int)pane,
                                                  .item = (size_t)columns->index[i]});
        if (column->right)
            paint_right(self, columns->x[i], 0, columns->width[i], role, title);
        else
            paint(self, columns->x[i], 0, columns->width[i], role, title);
    }
}

// The name of a group where it begins.
static void group(const painter *self, const list_kind *kind, const ui_list *list, ui_pane pane, size_t place,
                  int y) {
    char here[64], before[64] = "";
    const void *item = ui_item_at(self->view->ui, self->view->model, pane, place);
    list_group(kind, item, list->group, here);
    if (place > list->top)
        list_group(kind, ui_item_at(self->view->ui, self->view->model, pane, place - 1), list->group, before);
    if (place == list->top || strcmp(here, before) != 0)
        paint(self, FIRST_COLUMN, y, GROUP_WIDTH, THEME_TITLE, *here ? here : self->view->glyphs->dot);
}

static void row(const painter *self, const list_kind *kind, const list_columns *columns, int y,
                const void *item) {
    theme_role role = THEME_TEXT;
    const char *glyph = kind->glyph ? kind->glyph(self->view, item, &role) : NULL;
    if (glyph)
        paint(self, 1, y, 1, role, glyph);
    char text[160] = "";
    int end = self->area.width - 1;
    theme_role tail_role = THEME_TEXT;
    bool tail = kind->tail && kind->tail(self->view, item, self->area.width < 50, text, &tail_role);
    if (tail) {
        int from = end - cell_text_width(text), least = FIRST_COLUMN + 10;
        from = from < least ? least : from;
        from = from < columns->figures ? from : columns->figures;
        paint_right(self, from, y, end - from, tail_role, text);
        end = end - cell_text_width(text) < columns->figures ? from - 1 : columns->figures - 1;
    }
    for (int i = 0; i < columns->count; i++) {
        const list_column *column = &kind->columns[columns->index[i]];
        int width = columns->width[i];
        if (tail && column->figure)
            continue;
        if (columns->x[i] + width > end)
            width = end - columns->x[i];
        if (width >= (column->grow && i ? 4 : 1))
            column->draw(self, columns->x[i], y, width, item);
    }
}

static void nothing(const painter *self, const list_kind *kind, const ui_list *list) {
    const char *text = kind->known && !kind->known(self->view->model) ? "reading"
                       : *list->filter                                ? "nothing matches"
                                                                      : kind->empty;
    paint(self, FIRST_COLUMN, self->area.height > 1, self->area.width - FIRST_COLUMN, THEME_MUTED, text);
}

void view_list(const painter *self, ui_pane pane) {
    const ui_state *ui = self->view->ui;
    const list_kind *kind = ui_kind(pane);
    const ui_list *list = &ui->lists[pane];
    if (!list->count) {
        nothing(self, kind, list);
        return;
    }
    list_columns columns = view_list_columns(list, kind, self->area.width);
    int heads = kind->second == NULL, rows = kind->second && self->area.width >= 50 ? 2 : 1;
    if (heads)
        head(self, pane, &columns);
    bool here = ui->pane == pane, focus = here && ui->focus == FOCUS_LIST;
    size_t place = list->top;
    for (int y = heads; y < self->area.height && place < list->count; y += rows, place++) {
        const void *item = ui_item_at(ui, self->view->model, pane, place);
        if (!item)
            break;
        if (*list->group)
            group(self, kind, list, pane, place, y);
        row(self, kind, &columns, y, item);
        if (rows > 1)
            kind->second(self, y + 1, item);
        if (place == list->index && (here || pane == PANE_CONTAINERS))
            paint_selection(self, y, rows, focus);
        if (ui_marked(list, kind->id(item)))
            paint(self, 0, y, 1, THEME_ACCENT, self->view->glyphs->selected);
    }
    painter inside = *self;
    inside.area.y += heads;
    inside.area.height -= heads;
    paint_scroll(&inside, list->top, (size_t)(inside.area.height / rows), list->count);
}
