#include "tui/layout.h"

#define WIDE_COLUMNS 110
#define WIDE_ROWS    20
#define TINY_COLUMNS 20
#define TINY_ROWS    5

static int clamp(int value, int least, int most) {
    if (value > most)
        value = most;
    return value < least ? least : value;
}

// One frame: containers above images above tasks, with shared borders.
static void stack_panes(layout_plan *self, const ui_state *ui, const model_state *model) {
    rect inner = rect_inset(self->lists, 1, 1);
    inner.x = self->lists.x + 1;
    int rows = inner.height - 2; // two borders between
    int tasks = clamp((int)model->task_count * 2, 2, rows / 4);
    int images = clamp((int)ui->lists[PANE_IMAGES].count + 1, 3, rows / 3);
    int heights[PANE_COUNT] = {rows - tasks - images, images, tasks};
    int y = inner.y;
    for (int pane = 0; pane < PANE_COUNT; pane++) {
        self->titles[pane] = y - 1;
        self->panes[pane] = (rect){inner.x, y, inner.width, heights[pane]};
        y += heights[pane] + 1;
    }
}

static void one_list(layout_plan *self, const ui_state *ui, rect body) {
    self->one_pane = true;
    self->lists = body;
    self->titles[ui->pane] = body.y;
    self->panes[ui->pane] = rect_inset(body, 1, 1);
}

layout_plan layout_compute(const ui_state *ui, const model_state *model, int columns, int rows) {
    layout_plan self = {.kind = LAYOUT_NARROW};
    if (columns < TINY_COLUMNS || rows < TINY_ROWS) {
        self.kind = LAYOUT_TINY;
        return self;
    }
    int header = rows >= 8;
    self.header = (rect){0, 0, columns, header};
    self.footer = (rect){0, rows - 1, columns, 1};
    rect body = {0, header, columns, rows - 1 - header};
    bool detail_only = ui->focus == FOCUS_CONSOLE || ui->focus == FOCUS_DETAIL;
    if (columns >= WIDE_COLUMNS && rows >= WIDE_ROWS && !ui->zoom) {
        self.kind = LAYOUT_WIDE;
        int left = clamp(columns * 45 / 100, 56, 92);
        self.lists = (rect){0, body.y, left, body.height};
        self.detail = (rect){left, body.y, columns - left, body.height};
        stack_panes(&self, ui, model);
    } else if (detail_only || ui->detail_open) {
        self.detail = body;
    } else {
        one_list(&self, ui, body);
    }
    if (self.detail.width)
        self.content = rect_inset(self.detail, 1, 1);
    return self;
}

int layout_item_rows(ui_pane pane, const layout_plan *self) {
    return pane == PANE_TASKS && self->panes[PANE_TASKS].width >= 50 ? 2 : 1;
}

size_t layout_page(ui_pane pane, const layout_plan *self) {
    // The lists of containers and images spend their first row on the names of the columns.
    int rows = self->panes[pane].height - (pane != PANE_TASKS);
    int page = rows / layout_item_rows(pane, self);
    return page < 1 ? 1 : (size_t)page;
}

void layout_settle(ui_state *ui, const layout_plan *self) {
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++) {
        ui_list *list = &ui->lists[pane];
        size_t page = layout_page(pane, self);
        if (list->top + page > list->count)
            list->top = list->count > page ? list->count - page : 0;
        if (list->index < list->top)
            list->top = list->index;
        if (list->index >= list->top + page)
            list->top = list->index - page + 1;
    }
}
