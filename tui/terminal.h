// A terminal emulator whose screen is read as cells: libvterm (0.1.4 and 0.3) behind one small interface.
// What comes in is hostile: nothing of it gets out but cells, a bounded title, and the emulator's answers to
// the program that asked. The clipboard (OSC 52) is neither written nor told.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tui/cell.h"
#include "tui/input.h"

#define TERMINAL_SCROLLBACK_LINES 5000
#define TERMINAL_SCROLLBACK_BYTES (4u << 20)

typedef struct terminal terminal;

/// What the emulator writes to the program: keys, and answers to its questions.
typedef void (*terminal_output)(const char *bytes, size_t length, void *data);

/// The size is clamped to 2x1 … 1000x1000.
terminal *terminal_create(int columns, int rows, terminal_output output, void *data);
void terminal_destroy(terminal *self); ///< accepts NULL

void terminal_write(terminal *self, const char *bytes, size_t length);
void terminal_resize(terminal *self, int columns, int rows);
/// Whether the screen changed since the last call.
bool terminal_changed(terminal *self);

/// Keys, pastes (bracketed where the program asked for it), and the mouse where it asked for it.
/// Mouse positions are in the terminal's own columns and rows.
void terminal_key(terminal *self, const input_event *event);
bool terminal_wants_mouse(const terminal *self);

int terminal_columns(const terminal *self);
int terminal_rows(const terminal *self);
size_t terminal_scrollback(const terminal *self);
/// Lines are numbered from the first that ever scrolled off: the oldest that is kept, the one behind the
/// screen's last row. The alternate screen has no others.
uint64_t terminal_first_line(const terminal *self);
uint64_t terminal_end_line(const terminal *self);
/// Draws one of them into a blank grid of one row.
void terminal_read_line(const terminal *self, uint64_t line, grid *row);
/// Draws the screen, `back` lines further up in the scrollback, into the area's top left corner. Sets the
/// grid's cursor when it is visible and inside.
void terminal_draw(const terminal *self, grid *out, const rect *area, size_t back, bool cursor);
/// The title that the program set, escaped; "" when there is none. Owned by the terminal.
const char *terminal_title(const terminal *self);
