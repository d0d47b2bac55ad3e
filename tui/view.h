// The pure layer: model, place, theme and size in, cells out. No curses, no clock, no state of its own.
#pragma once

#include "tui/glyphs.h"
#include "tui/layout.h"
#include "tui/theme.h"

typedef struct view_context {
    const model_state *model;
    const ui_state *ui;
    const theme_table *theme;
    const glyph_table *glyphs;
    const action_keymap *keymap;
    int64_t now;                  ///< unix seconds
    struct view_targets *targets; ///< gets what can be clicked; may be NULL
} view_context;

typedef enum view_target_kind {
    TARGET_TAB,    ///< which: the ui_tab
    TARGET_PANE,   ///< the name of a pane
    TARGET_COLUMN, ///< the head of a list's column: which: the pane, item: the column
    TARGET_ACTION, ///< an action in the last line
    TARGET_KEY,    ///< stands for this key
    TARGET_CHOICE, ///< item: its place among the choices
    TARGET_SCROLL, ///< a bar: `item` of `count` is the first of a page that is shown
    TARGET_DIALOG, ///< the box that lies on top
} view_target_kind;

typedef struct view_target {
    view_target_kind kind;
    rect area;
    int which;
    const action *action;
    size_t item, page, count;
} view_target;

/// What can be clicked, as it was drawn: the later ones lie on the earlier ones.
typedef struct view_targets {
    view_target items[128];
    size_t count;
} view_targets;

/// Adds one, where somebody wants to know.
void view_target_add(const view_context *self, view_target target);
/// The topmost there, or NULL.
const view_target *view_target_at(const view_targets *self, int x, int y);
bool rect_holds(const rect *self, int x, int y);
/// Where the mark of a scroll bar is: its first row, and its rows in *size.
int view_scroll_mark(const view_target *bar, int *size);
/// What is to be shown first when the mark is to start at this row.
size_t view_scroll_top(const view_target *bar, int row);

/// Draws the whole frame into the grid, whose size it takes.
void view_draw(const view_context *self, grid *out);

// ---- for the files that draw parts ----

typedef struct painter {
    const view_context *view;
    grid *out;
    rect area;
} painter;

/// Text inside the painter's area, x and y relative to it; returns the columns used.
int paint(const painter *self, int x, int y, int width, theme_role role, const char *text);
void paint_right(const painter *self, int x, int y, int width, theme_role role, const char *text);
int paint_format(const painter *self, int x, int y, theme_role role, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void paint_center(const painter *self, int y, theme_role role, const char *text);
/// A line from column x on; nothing where the row is out of the area.
void paint_line(const painter *self, int x, int y, theme_role role, const char *text);
/// Words in as many lines as they take from column x on. Returns the next row.
int paint_wrapped(const painter *self, int x, int y, theme_role role, const char *text);
/// A frame around `area`, in the border's style or the accent's.
void paint_frame(const view_context *view, grid *out, rect area, bool focus);
/// The style of a selected row, over whatever is drawn there.
void paint_selection(const painter *self, int y, int rows, bool focus);
/// A scroll mark at the right border where `count` items do not fit.
void paint_scroll(const painter *self, size_t top, size_t page, size_t count);

/// The frame for screen readers.
void view_plain(const view_context *self, grid *out, const layout_plan *layout);
void view_header(const painter *self);
void view_footer(const painter *self);
void view_overlay(const view_context *self, grid *out);
/// A box with the overlay's title; its inside.
painter view_box(const view_context *self, grid *out, rect box, bool danger);
/// The same in the middle of the screen.
painter view_dialog(const view_context *self, grid *out, int width, int height, bool danger);
/// "y do it", that can be clicked instead of the key. Returns where the next one goes.
int view_dialog_key(const painter *self, int x, int y, uint32_t key, const char *name, const char *what);
/// How far down the text of a question or a message can be scrolled on a screen of this size.
size_t view_text_most(const view_context *self, int columns, int rows);
void view_doctor(const view_context *self, grid *out);
/// How far down what the doctor found can be scrolled on a screen of this size.
size_t view_doctor_most(const view_context *self, int columns, int rows);
/// Where the columns of a list are at this width.
list_columns view_list_columns(const ui_list *list, const list_kind *kind, int width);
void view_list(const painter *self, ui_pane pane);
unsigned view_network_members(const model_state *model, const model_network *network);
void detail_draw(const painter *self);
/// Rows that the tab in sight would take.
int detail_rows(const painter *self);
void detail_title(const view_context *self, grid *out, rect frame);
/// These return the rows they take, so that they can be scrolled by ui.detail_top.
int detail_overview(const painter *self);
int detail_stats(const painter *self);
int detail_image(const painter *self);
int detail_task(const painter *self);
int detail_layers(const painter *self);
int detail_configuration(const painter *self);
int detail_image_users(const painter *self);
int detail_network(const painter *self);
int detail_volume(const painter *self);
/// A labelled line; nothing where the text is empty. Returns the next row.
int detail_field(const painter *self, int y, const char *label, theme_role role, const char *text);
/// One that has to be readable whole.
int detail_wrapped_field(const painter *self, int y, const char *label, theme_role role, const char *text);
/// The labels that it was given, one a line.
int detail_labels(const painter *self, int y, const json_t *labels);
/// A rule across with a title in it.
void detail_heading(const painter *self, int y, const char *text);
/// "8080→80/tcp 127.0.0.1:8443→443/tcp": the container's published ports while they are open, else "".
void detail_ports(const view_context *view, const model_container *container, char *out, size_t size);
/// "/src→/app/src data→/srv": what the container mounts, cut where it does not fit.
void detail_mounts(const view_context *view, const model_container *container, char *out, size_t size);
/// A container in one line: state, name, a note. Returns the next row.
int detail_container_line(const painter *self, int y, const model_container *container, const char *note);
/// A second line of it: what else there is to note.
int detail_container_more(const painter *self, int y, const char *note);
void detail_logs(const painter *self);
void detail_console(const painter *self);
void detail_files(const painter *self);
/// The row of the tab in which its first entry is, and how many rows there are for entries.
int detail_files_rows(const ui_files *files, const rect *content, int *rows);
/// Two consoles side by side.
void detail_split(const view_context *self, grid *out, const layout_plan *layout);
void detail_text(const painter *self, const ui_text *text, const char *waiting);
/// The last lines of the logs, for the overview of a container.
void detail_log_tail(const painter *self, int y, int rows);
/// Whether nothing is here yet.
bool view_is_empty(const model_state *model);
/// The first start: nothing is here yet. False: there is something.
bool view_welcome(const view_context *self, grid *out, rect area);

/// "61M", "1.2G", "0": at most 4 columns.
const char *view_bytes(double bytes, char out[8]);
/// "12.4", "1204": a percentage in at most 5 columns.
const char *view_percent(double percent, char out[8]);
/// "5 s", "3 min", "2 h", "12 d".
const char *view_age(int64_t seconds, char out[16]);
/// The glyph and role of a container's state.
const char *view_state(const view_context *self, const model_container *container, theme_role *role);
