// Moving the lines between panes. Places are kept as shares, so that they hold in every size of the screen.
#include "tui/layout.h"
#include "tui/view.h"

static int share_of(int part, int whole) {
    int share = whole > 0 ? (part * 1000 + whole / 2) / whole : 0;
    return share < 1 ? 1 : share;
}

int layout_band_of(const layout_plan *self, ui_pane pane) {
    for (int i = 0; i < self->band_count; i++)
        for (int k = 0; k < self->bands[i].count; k++)
            if (self->bands[i].panes[k] == pane)
                return i;
    return -1;
}

int layout_band_rows(const layout_plan *self, int band) {
    int below =
        band + 1 < self->band_count ? self->bands[band + 1].title : self->lists.y + self->lists.height - 1;
    return below - self->bands[band].title - 1;
}

layout_line layout_line_at(const layout_plan *self, int x, int y, int *band) {
    *band = 0;
    if (self->halves[0].width)
        return (x == self->halves[1].x || x == self->halves[1].x - 1) && rect_holds(&self->detail, x, y)
                   ? LINE_HALVES
                   : LINE_NONE;
    if (self->kind != LAYOUT_WIDE)
        return LINE_NONE;
    if (self->below)
        return y == self->detail.y || y == self->detail.y - 1 ? LINE_LISTS : LINE_NONE;
    if ((x == self->detail.x || x == self->detail.x - 1) && rect_holds(&self->detail, self->detail.x, y))
        return LINE_LISTS;
    for (int i = 0; i < self->band_count && rect_holds(&self->lists, x, y); i++) {
        int end = self->bands[i].title + layout_band_rows(self, i);
        *band = i;
        if (self->bands[i].divider == x && x && y >= self->bands[i].title && y <= end)
            return LINE_PAIR;
        if (i && y == self->bands[i].title)
            return LINE_BAND;
    }
    return LINE_NONE;
}

// Rows go from the band above to the one below, or back; all of them stay as they are from then on.
static void move_band(ui_state *ui, const layout_plan *self, int band, int y) {
    int rows = self->lists.height - 2 - (LAYOUT_BANDS - 1), least = band == 1 ? 3 : 2;
    int above = layout_band_rows(self, band - 1), own = layout_band_rows(self, band);
    int delta = y - self->bands[band].title;
    delta = delta < least - above ? least - above : delta > own - 2 ? own - 2 : delta;
    for (int i = 1; i < LAYOUT_BANDS; i++) {
        int height = layout_band_rows(self, i) + (i == band - 1 ? delta : i == band ? -delta : 0);
        ui->heights[i] = share_of(height, rows);
    }
}

void layout_line_move(ui_state *ui, const layout_plan *self, layout_line line, int band, int x, int y) {
    int columns = self->lists.width - 2;
    if (line == LINE_LISTS && self->below)
        ui->share = share_of(y - self->lists.y, self->lists.height + self->detail.height);
    else if (line == LINE_LISTS)
        ui->share = share_of(x, self->lists.width + self->detail.width);
    else if (line == LINE_BAND && band > 0)
        move_band(ui, self, band, y);
    else if (line == LINE_HALVES)
        ui->middle = share_of(x, self->detail.width);
    else if (line == LINE_PAIR)
        ui->lefts[band] = share_of(x - self->lists.x - 1, columns);
    if (line == LINE_LISTS)
        ui->share = ui->share < 150 ? 150 : ui->share > 850 ? 850 : ui->share;
}
