// The terminal that the dashboard runs in: puts grids on it by what changed since the last one, and gives it
// back whole, whatever happens. The only file that knows curses is screen.c.
#pragma once

#include <stdbool.h>

#include "core/holm.h"
#include "tui/cell.h"

typedef struct screen screen_state;

/// Takes over the terminal on these descriptors (borrowed). Finds what it can do: RGB terminfo, COLORTERM
/// with a -direct entry, 256, 16, 8 colours, none (NO_COLOR); a TERM that is not known counts as
/// xterm-256color. From here on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT give the terminal back before
/// they end the process, and after SIGKILL a child does that. Only one screen at a time.
screen_state *screen_create(int in, int out, holm_error **error);
/// Gives the terminal back. Accepts NULL.
void screen_destroy(screen_state *self);

/// How many colours: 1 << 24, 256, 16, 8 or 0.
int screen_colors(const screen_state *self);
/// Whether it shows more than ASCII.
bool screen_unicode(const screen_state *self);
/// The size as the kernel knows it, at least 1x1.
void screen_size(const screen_state *self, int *columns, int *rows);

/// Shows the grid. Blocks only as long as the terminal takes no bytes.
void screen_show(screen_state *self, const grid *frame);
/// The next frame is painted whole.
void screen_redraw(screen_state *self);
/// Asks for mouse reports, or no longer.
void screen_mouse(screen_state *self, bool on);
/// Gives the terminal back, stops the process (SIGSTOP), and takes the terminal again when it goes on.
void screen_suspend(screen_state *self);
/// Gives the terminal to another program, and takes it back. Nothing may be shown in between.
void screen_lend(screen_state *self);
void screen_take_back(screen_state *self);
#define SCREEN_COPY_MOST (64u << 10) ///< bytes; many terminals take no more
/// Puts text on the user's clipboard through the terminal (OSC 52). False: it is too long, or the terminal is
/// known to take none.
bool screen_copy(screen_state *self, const char *text);
