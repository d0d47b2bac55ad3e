// Looking back in a console: a cursor over its scrollback and screen, search, and a selection to copy. Lines
// are numbered from the first that ever scrolled off (terminal.h), so what is looked at stays where it is
// while the program goes on writing.
#pragma once

#include "tui/input.h"
#include "tui/line_edit.h"
#include "tui/terminal.h"

#define COPY_MODE_MOST (64u << 10) ///< bytes that are copied at once

typedef enum copy_selection { COPY_NOTHING, COPY_CHARACTERS, COPY_LINES } copy_selection;

typedef struct copy_mode {
    bool on;
    uint64_t top;  ///< the line in the first row
    uint64_t line; ///< the cursor's
    int column;
    copy_selection selection;
    uint64_t anchor_line;
    int anchor_column;
    char search[128];
    size_t matches;    ///< lines that hold it
    bool typing, back; ///< the search is being typed; it goes upwards
    line_edit input;
} copy_mode;

/// Starts at the end of what is there; leaves everything else as it was (the search).
void copy_mode_begin(copy_mode *self, const terminal *screen);
/// Starts with the search's input open.
void copy_mode_begin_search(copy_mode *self, const terminal *screen);
/// Moves what is shown by so many lines; at the end it is over.
void copy_mode_scroll(copy_mode *self, const terminal *screen, int64_t delta);
/// Takes every key. Returns a text that is to be copied (the caller frees it), or NULL.
char *copy_mode_key(copy_mode *self, const terminal *screen, const input_event *event);
/// The mouse at this row and column of what is shown: a press starts, motion goes on, a release copies.
char *copy_mode_mouse(copy_mode *self, const terminal *screen, const input_event *event);
/// Puts the marks of the selection and of what was found over a drawn screen, and the cursor. `selected` and
/// `found` are their styles.
void copy_mode_draw(const copy_mode *self, const terminal *screen, grid *out, const rect *area,
                    cell_style selected, cell_style found);
/// How far up it looks.
size_t copy_mode_back(const copy_mode *self, const terminal *screen);
