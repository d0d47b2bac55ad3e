// The screen of a terminal session, kept so that a later attachment sees it as it is: libvterm reads what the
// program writes; a repaint is the sequence that brings a fresh terminal to the same screen.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"

#define TERMINAL_SIZE_MOST  1000 ///< columns or rows; more is cut
#define TERMINAL_SCROLLBACK 1000 ///< lines kept above the screen

typedef struct terminal terminal;

/// 0 columns or rows: 80 by 24.
terminal *terminal_create(unsigned columns, unsigned rows);
/// Accepts NULL.
void terminal_destroy(terminal *self);
void terminal_resize(terminal *self, unsigned columns, unsigned rows);
/// What the program printed. Hostile.
void terminal_feed(terminal *self, const void *bytes, size_t length);
/// What the terminal answers to the program's questions since the last call; for when nobody is attached
/// whose own terminal answers them.
size_t terminal_answers(terminal *self, char *out, size_t size);
/// Appends the sequence that repaints a terminal of the same size: `scrollback` lines at most from above the
/// screen, cells with their attributes, cursor, modes and title.
void terminal_repaint(const terminal *self, unsigned scrollback, buffer *out);
/// "" while none was set. Owned by the terminal.
const char *terminal_title(const terminal *self);
