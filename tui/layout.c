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

int layout_part(int whole, int thousandths) {
    return (whole * thousandths + 500) / 1000;
}

static const struct {
    ui_pane panes[2];
    int count;
    int beside; // columns that each of two needs to stand beside the other
} bands[LAYOUT_BANDS] = {
    {{PANE_CONTAINERS}, 1, 0},
    {{PANE_IMAGES}, 1, 0},
    {{PANE_NETWORKS, PANE_VOLUMES}, 2, 26},
    {{PANE_TASKS, PANE_EVENTS}, 2, 52},
};

// Rows a list would like, its column names included.
static int wish(const ui_state *ui, ui_pane pane) {
    int rows = (int)ui->lists[pane].count * (ui_kind(pane)->second ? 2 : 1);
    return (rows < 1000 ? rows : 1000) + layout_head_rows(pane);
}

static void place_band(layout_plan *self, const ui_state *ui, int which, int y, int height) {
    layout_band *band = &self->bands[which];
    rect inner = rect_inset(self->lists, 1, 1);
    band->title = y - 1;
    band->count = bands[which].count;
    band->shown = band->count == 2 && inner.width >= 2 * bands[which].beside + 1 ? 2 : 1;
    for (int i = 0; i < band->count; i++)
        band->panes[i] = bands[which].panes[i];
    band->least = bands[which].beside;
    if (band->shown == 2) {
        int left = (inner.width - 1) / 2;
        if (ui->lefts[which])
            left =
                clamp(layout_part(inner.width, ui->lefts[which]), band->least, inner.width - 1 - band->least);
        band->divider = inner.x + left;
        self->panes[band->panes[0]] = (rect){inner.x, y, left, height};
        self->panes[band->panes[1]] = (rect){inner.x + left + 1, y, inner.width - left - 1, height};
        return;
    }
    // The one that was used last, so that the focus is never on what is not shown.
    int used = band->count == 2 && ui->used[which];
    self->panes[band->panes[used]] = (rect){inner.x, y, inner.width, height};
}

// Rows of the bands below the first where the user has set them: the first keeps its share.
static void set_heights(const ui_state *ui, int rows, int heights[LAYOUT_BANDS]) {
    int free_rows = rows - 3;
    for (int i = LAYOUT_BANDS - 1; i > 0; i--) {
        if (ui->heights[i])
            heights[i] = layout_part(rows, ui->heights[i]);
        heights[i] = clamp(heights[i], 2, free_rows - 2 * (i - 1));
        free_rows -= heights[i];
    }
}

// One frame with shared borders: containers above images above the pairs.
static void stack_panes(layout_plan *self, const ui_state *ui) {
    int rows = self->lists.height - 2 - (LAYOUT_BANDS - 1);
    int heights[LAYOUT_BANDS];
    int most = rows / 4;
    for (int i = LAYOUT_BANDS - 1; i > 0; i--) {
        bool both = bands[i].count == 2 && self->lists.width - 2 >= 2 * bands[i].beside + 1;
        int wanted = wish(ui, bands[i].panes[bands[i].count == 2 && !both && ui->used[i]]);
        if (both && wish(ui, bands[i].panes[1]) > wanted)
            wanted = wish(ui, bands[i].panes[1]);
        heights[i] = clamp(wanted, 2, i == 1 ? rows / 3 : most);
    }
    set_heights(ui, rows, heights);
    heights[0] = rows - heights[1] - heights[2] - heights[3];
    self->band_count = LAYOUT_BANDS;
    int y = self->lists.y + 1;
    for (int i = 0; i < LAYOUT_BANDS; i++) {
        place_band(self, ui, i, y, heights[i]);
        y += heights[i] + 1;
    }
}

static void one_list(layout_plan *self, const ui_state *ui, rect body) {
    self->one_pane = true;
    self->lists = body;
    self->panes[ui->pane] = rect_inset(body, 1, 1);
}

// Lists and detail beside each other, or the one above the other.
static void divide(layout_plan *self, const ui_state *ui, rect body) {
    self->below = ui->below;
    int share = clamp(ui->share ? ui->share : 450, 150, 850);
    if (self->below) {
        int top = clamp(layout_part(body.height, share), 7, body.height - 7);
        self->lists = (rect){0, body.y, body.width, top};
        self->detail = (rect){0, body.y + top, body.width, body.height - top};
        one_list(self, ui, self->lists);
        return;
    }
    int left = clamp(layout_part(body.width, share), 40, body.width - 40);
    self->lists = (rect){0, body.y, left, body.height};
    self->detail = (rect){left, body.y, body.width - left, body.height};
    stack_panes(self, ui);
}

// Two consoles have the screen; the content is that of the half that has the keys.
static void halve(layout_plan *self, const ui_state *ui, rect body) {
    int left = clamp(layout_part(body.width, ui->middle ? ui->middle : 500), 40, body.width - 40);
    self->halves[0] = (rect){0, body.y, left, body.height};
    self->halves[1] = (rect){left, body.y, body.width - left, body.height};
    self->detail = body;
    self->content = rect_inset(self->halves[ui->half], 1, 1);
}

// No frames, one thing at a time; below a detail a line for what it says of itself.
static void plain(layout_plan *self, const ui_state *ui, rect body) {
    self->one_pane = true;
    if (ui->focus == FOCUS_LIST && !ui->detail_open) {
        self->lists = self->panes[ui->pane] = body;
        return;
    }
    self->detail = self->content = body;
    self->content.height--;
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
    bool room = ui->below ? rows >= WIDE_ROWS : columns >= WIDE_COLUMNS && rows >= WIDE_ROWS;
    if (ui->plain) {
        plain(&self, ui, (rect){0, 1, columns, rows - 2});
        return self;
    }
    if (columns >= LAYOUT_SPLIT_COLUMNS && !ui->zoom && ui_is_split(ui, model)) {
        halve(&self, ui, body);
        return self;
    }
    if (room && !ui->zoom) {
        self.kind = LAYOUT_WIDE;
        divide(&self, ui, body);
    } else if (detail_only || ui->detail_open) {
        self.detail = body;
    } else {
        one_list(&self, ui, body);
    }
    if (self.detail.width)
        self.content = rect_inset(self.detail, 1, 1);
    return self;
}

int layout_head_rows(ui_pane pane) {
    return ui_kind(pane)->second == NULL;
}

int layout_item_rows(ui_pane pane, const layout_plan *self) {
    return ui_kind(pane)->second && self->panes[pane].width >= 50 ? 2 : 1;
}

size_t layout_page(ui_pane pane, const layout_plan *self) {
    int page = (self->panes[pane].height - layout_head_rows(pane)) / layout_item_rows(pane, self);
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
