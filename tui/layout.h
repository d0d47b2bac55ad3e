// Where things are on a screen of a given size.
//
// Wide (from 110 columns and 20 rows): the lists on one side, the detail on the other, divided as the user
// likes it. Narrow: one of them at a time. Tiny (below 20x5): a word that says so.
#pragma once

#include "tui/ui.h"

typedef enum layout_kind { LAYOUT_TINY, LAYOUT_NARROW, LAYOUT_WIDE } layout_kind;

#define LAYOUT_BANDS UI_BANDS

/// A stretch of the lists' frame: one pane, or two side by side where there is room, else the one used last.
typedef struct layout_band {
    ui_pane panes[2];
    int count;   ///< panes that belong to it
    int shown;   ///< panes that are drawn; where fewer, their names share the title
    int title;   ///< the row of the border with the names
    int least;   ///< columns that each of two needs
    int divider; ///< the column between two panes; 0: none
} layout_band;

typedef struct layout_plan {
    layout_kind kind;
    rect header, footer;    ///< one line each; height 0: not shown
    rect lists;             ///< the frame around the lists, its border included; width 0: not shown
    rect detail;            ///< the frame around the detail
    rect panes[PANE_COUNT]; ///< the rows of each list; height 0: not shown
    layout_band bands[LAYOUT_BANDS];
    int band_count;
    rect content;   ///< inside the detail's frame
    rect halves[2]; ///< the frames of two consoles side by side; width 0: there is one
    bool one_pane;  ///< the title line carries the names of all panes
    bool below;     ///< the detail is below the lists, not beside them
} layout_plan;

#define LAYOUT_SPLIT_COLUMNS 140 ///< fewer have no room for two consoles side by side

/// So many thousandths of it, to the nearest.
int layout_part(int whole, int thousandths);
layout_plan layout_compute(const ui_state *ui, const model_state *model, int columns, int rows);

// ---- moving the lines between ----

/// What lies at a place that can be moved.
typedef enum layout_line {
    LINE_NONE,
    LINE_LISTS,  ///< between lists and detail
    LINE_BAND,   ///< above a band
    LINE_PAIR,   ///< between the two panes of a band
    LINE_HALVES, ///< between two consoles
} layout_line;

/// band: which one, for the latter two.
layout_line layout_line_at(const layout_plan *self, int x, int y, int *band);
/// Moves the line there, as far as what lies beside it allows; kept in `ui`.
void layout_line_move(ui_state *ui, const layout_plan *self, layout_line line, int band, int x, int y);
/// The band that has the pane, or -1.
int layout_band_of(const layout_plan *self, ui_pane pane);
/// Rows of a band, without its title.
int layout_band_rows(const layout_plan *self, int band);

/// Rows that an item of the pane takes, and rows of its column names.
int layout_item_rows(ui_pane pane, const layout_plan *layout);
int layout_head_rows(ui_pane pane);
/// Items of the pane that fit, at least 1.
size_t layout_page(ui_pane pane, const layout_plan *layout);
/// Scrolls every list so that its selection is in sight.
void layout_settle(ui_state *ui, const layout_plan *layout);
