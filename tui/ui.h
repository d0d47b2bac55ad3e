// Where the user is: the pane in focus, what is selected, what is being typed, what lies on top. Together
// with the model it is all that a frame is drawn from.
#pragma once

#include "tui/action.h"
#include "tui/cell.h"
#include "tui/copy_mode.h"
#include "tui/file_list.h"
#include "tui/line_edit.h"
#include "tui/list.h"
#include "tui/log_buffer.h"
#include "tui/model.h"
#include "tui/terminal.h"

typedef enum ui_pane {
    PANE_CONTAINERS,
    PANE_IMAGES,
    PANE_NETWORKS,
    PANE_VOLUMES,
    PANE_TASKS,
    PANE_EVENTS,
    PANE_COUNT
} ui_pane;

typedef enum ui_tab {
    TAB_OVERVIEW,
    TAB_LOGS,
    TAB_STATS,
    TAB_CONSOLE,
    TAB_PROCESSES,
    TAB_FILES,
    TAB_INSPECT,
    TAB_LAYERS,        ///< of an image: sizes and history
    TAB_CONFIGURATION, ///< of an image
    TAB_USERS,         ///< the containers that use it
    TAB_COUNT,
} ui_tab;

typedef enum ui_focus { FOCUS_LIST, FOCUS_DETAIL, FOCUS_CONSOLE } ui_focus;

#define UI_FILTER_SIZE 128
#define UI_BANDS       4

typedef struct ui_list {
    char *selected; ///< id of the selected item; the selection stays on its thing
    size_t index;   ///< where it is in `order`
    size_t top;     ///< first row shown
    size_t *order;  ///< indices into the model, sorted and filtered
    size_t count;
    int sort; ///< 1 + the column; 0: the kind's own order
    bool reverse;
    uint32_t columns; ///< a bit for each column that was chosen; 0: the usual ones
    char **marked;    ///< ids, in the order in which they were marked
    size_t mark_count;
    char group[64]; ///< "network", "#label" …; "": not grouped
    char filter[UI_FILTER_SIZE];
    const char *filter_problem; ///< what is wrong with it, or NULL
} ui_list;

typedef enum ui_overlay_kind {
    OVERLAY_NONE,
    OVERLAY_HELP,
    OVERLAY_PALETTE, ///< also the menu: a list of choices under an input
    OVERLAY_CHOICES, ///< names to choose from
    OVERLAY_PROMPT,
    OVERLAY_CONFIRM,
    OVERLAY_FORM,
    OVERLAY_MESSAGE,
    OVERLAY_DOCTOR, ///< what the doctor found
} ui_overlay_kind;

typedef struct ui_choice {
    const action *action;
    const char *keys; ///< borrowed from the keymap
    char *label;      ///< of a choice without an action
} ui_choice;

#define UI_FORM_FIELDS 10

typedef struct ui_field {
    const char *label;
    const char *hint; ///< shown while it is empty
    line_edit input;
} ui_field;

typedef struct ui_overlay {
    ui_overlay_kind kind;
    char title[96];
    char *text;      ///< lines of a message or a question
    char *command;   ///< the equivalent command line, or NULL
    line_edit input; ///< palette, prompt, help's search
    ui_choice *choices;
    size_t choice_count, choice, top;
    ui_field fields[UI_FORM_FIELDS];
    size_t field_count, field;
    bool danger;
    bool placed; ///< a menu at x and y, not in the middle
    int x, y;
} ui_overlay;

typedef enum ui_notice_kind { NOTICE_NONE, NOTICE_INFO, NOTICE_BAD } ui_notice_kind;

/// A tab's text: the lines of inspect or of the process list.
typedef struct ui_text {
    char *id;   ///< of the thing it is about
    char *text; ///< NULL: not here yet
    size_t lines;
    size_t top;
    char search[UI_FILTER_SIZE];
    size_t found; ///< the line that the search stands at
} ui_text;

#define UI_LOG_SOURCES 16

/// One of the logs that the logs tab shows together.
typedef struct ui_log_source {
    char *name; ///< of the container
    bool boot;  ///< the boot log of its machine
} ui_log_source;

/// Which of a container's logs.
typedef enum ui_log_kind { LOGS_OWN, LOGS_BOOT, LOGS_BOTH, LOGS_KIND_COUNT } ui_log_kind;

/// What the logs tab shows.
typedef struct ui_logs {
    char *id; ///< of the container it is about
    ui_log_kind kind;
    bool merged, follow, wrap, timestamps; ///< merged: of the marked containers, or of all that run
    size_t back;                           ///< lines shown, up from the end, when it does not follow
    int64_t since_ns;                      ///< 0: the last ones, however old
    char search[UI_FILTER_SIZE];
    char filter[UI_FILTER_SIZE]; ///< "!" before it: what does not hold it
    log_buffer lines;
    ui_log_source sources[UI_LOG_SOURCES];
    size_t source_count;
    char *ended; ///< why nothing more comes, or NULL
} ui_logs;

/// What the files tab shows.
typedef struct ui_files {
    char *id; ///< of the container
    file_list list;
    char *asked;   ///< the path that is being read, or NULL
    char *problem; ///< why it could not be read, or NULL
    bool running;  ///< the container did when it was asked
    bool viewing;  ///< a file is shown: `view`
    char *title;   ///< of that file
    ui_text view;
} ui_files;

/// One open console, as far as it is drawn.
typedef struct ui_console {
    char *container_id, *container_name;
    char *label; ///< "init" or the shell's session
    terminal *screen;
    bool attached, terminal, ended;
    int exit_code;
    char *error;
    char leave[64]; ///< the detach keys, to be shown; "": there are none
    copy_mode copy; ///< looking back
} ui_console;

typedef struct ui_state {
    ui_pane pane;
    ui_focus focus;
    ui_tab tabs[PANE_COUNT];
    ui_list lists[PANE_COUNT];
    bool zoom;
    bool below;            ///< the detail below the lists
    int share;             ///< of the lists, in thousandths of the screen; 0: as usual
    int heights[UI_BANDS]; ///< of the bands below the first, in thousandths of the lists; 0: as usual
    int lefts[UI_BANDS];   ///< of the left one of a pair, in thousandths; 0: half
    bool used[UI_BANDS];   ///< which of a pair of panes was used last
    bool detail_open;      ///< on a small screen: the detail is shown instead of the list
    bool filtering;        ///< the filter of the list (or the search of the logs) is being typed
    line_edit filter;
    ui_overlay overlay;
    char *notice;
    ui_notice_kind notice_kind;
    size_t detail_top; ///< scroll of overview and task
    ui_text inspect, processes;
    ui_files files;
    ui_logs logs;
    ui_console **consoles;         ///< all that are open
    size_t console_count, console; ///< which one was used last
    ui_console *split[2];          ///< two of them side by side, or NULL
    int half, middle; ///< which half had the keys last; where the left one ends, in thousandths (0: half)
    bool mouse;
    bool plain;     ///< for screen readers: lines of text, the cursor is the selection
    bool read_only; ///< said in the first line
} ui_state;

void ui_finish(ui_state *self); ///< consoles are not owned

/// Sorts and filters the pane's list anew and puts the selection back on its thing (or beside where it was).
void ui_refresh_list(ui_state *self, const model_state *model, ui_pane pane);
/// Moves the selection by `delta` rows, clamped.
void ui_move(ui_state *self, const model_state *model, ui_pane pane, int64_t delta);
/// Moves to a pane.
void ui_use_pane(ui_state *self, ui_pane pane);
void ui_select(ui_state *self, const model_state *model, ui_pane pane, size_t index);

/// The text in focus that can be searched, or NULL.
ui_text *ui_focused_text(ui_state *self);

const list_kind *ui_kind(ui_pane pane);
/// The thing at this place of the list as it is shown, or NULL.
const void *ui_item_at(const ui_state *self, const model_state *model, ui_pane pane, size_t place);
/// The selected thing of the pane, or NULL.
const void *ui_selected(const ui_state *self, const model_state *model, ui_pane pane);
bool ui_marked(const ui_list *self, const char *id);
/// Marks the thing, or takes the mark away.
void ui_mark(ui_list *self, const char *id, bool on);
void ui_marks_clear(ui_list *self);

const model_container *ui_container(const ui_state *self,
                                    const model_state *model); ///< the selected one, or NULL
const model_image *ui_image(const ui_state *self, const model_state *model);
const model_network *ui_network(const ui_state *self, const model_state *model);
const model_volume *ui_volume(const ui_state *self, const model_state *model);
const model_task *ui_task(const ui_state *self, const model_state *model);
const model_event *ui_event(const ui_state *self, const model_state *model);

/// The tabs that fit this pane, in order; returns their count.
size_t ui_pane_tabs(ui_pane pane, ui_tab out[TAB_COUNT]);
/// The tab shown for this pane.
ui_tab ui_current_tab(const ui_state *self, ui_pane pane);
const char *ui_tab_name(ui_tab tab, ui_pane pane);
/// The console that belongs to the selected container and was used last, or NULL.
ui_console *ui_selected_console(const ui_state *self, const model_state *model);

/// Whether the console that has the keys is one of two side by side.
bool ui_is_split(const ui_state *self, const model_state *model);
/// The console has been chosen: it is the half that it was, or takes the place of the one used last.
void ui_split_use(ui_state *self, ui_console *console);

void ui_set_notice(ui_state *self, ui_notice_kind kind, const char *text);
void ui_overlay_close(ui_state *self);
/// Forgets what the files tab shows.
void ui_files_clear(ui_files *self);
/// Whether the keys are the files tab's.
bool ui_in_files(const ui_state *self);
/// Where keys go: decides which actions apply.
action_noun ui_noun(const ui_state *self);
bool ui_in_list(const ui_state *self);
