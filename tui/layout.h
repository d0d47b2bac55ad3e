// Where things are on a screen of a given size.
//
// Wide (from 110 columns and 20 rows): the lists on the left, the detail on the right. Narrow: one of them at
// a time. Tiny (below 20x5): a word that says so.
#pragma once

#include "tui/ui.h"

typedef enum layout_kind { LAYOUT_TINY, LAYOUT_NARROW, LAYOUT_WIDE } layout_kind;

typedef struct layout_plan {
    layout_kind kind;
    rect header, footer;    ///< one line each; height 0: not shown
    rect lists;             ///< the frame around the lists, its border included; width 0: not shown
    rect detail;            ///< the frame around the detail
    rect panes[PANE_COUNT]; ///< the rows of each list; height 0: not shown
    int titles[PANE_COUNT]; ///< the row of the border that carries the pane's title
    rect content;           ///< inside the detail's frame
    bool one_pane;          ///< the title line carries the names of all panes
} layout_plan;

layout_plan layout_compute(const ui_state *ui, const model_state *model, int columns, int rows);

/// Rows that an item of the pane takes.
int layout_item_rows(ui_pane pane, const layout_plan *layout);
/// Items of the pane that fit, at least 1.
size_t layout_page(ui_pane pane, const layout_plan *layout);
/// Scrolls every list so that its selection is in sight.
void layout_settle(ui_state *ui, const layout_plan *layout);
