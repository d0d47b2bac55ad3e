// What the files of the terminal state share.
#pragma once

#include <stdbool.h>
#include <vterm.h>

#include "core/base/terminal_filter.h"
#include "core/container/terminal.h"

#define MODES_PARAMETERS 16

/// The DEC private modes that a repaint has to bring back and that libvterm does not tell.
typedef enum private_mode {
    MODE_CURSOR_KEYS,     ///< ?1
    MODE_REVERSE,         ///< ?5
    MODE_ORIGIN,          ///< ?6
    MODE_WRAP,            ///< ?7, on at first
    MODE_MOUSE_X10,       ///< ?9
    MODE_CURSOR_VISIBLE,  ///< ?25, on at first
    MODE_ALTERNATE,       ///< ?47, ?1047, ?1049
    MODE_MOUSE_CLICK,     ///< ?1000
    MODE_MOUSE_DRAG,      ///< ?1002
    MODE_MOUSE_MOVE,      ///< ?1003
    MODE_FOCUS,           ///< ?1004
    MODE_MOUSE_UTF8,      ///< ?1005
    MODE_MOUSE_SGR,       ///< ?1006
    MODE_MOUSE_RXVT,      ///< ?1015
    MODE_BRACKETED_PASTE, ///< ?2004
    MODE_COUNT,
} private_mode;

/// Reads escape sequences beside libvterm (ECMA-48 and xterm's control sequences), for modes only.
typedef struct modes {
    bool on[MODE_COUNT];
    bool insert, newline, keypad;
    char charset[2]; ///< final byte of the designation of G0 and G1
    bool shifted;    ///< G1 in use
    unsigned cursor_shape;
    unsigned top, bottom; ///< scrolling region, from 1; 0: all

    // The sequence being read.
    int state;
    char prefix, between;
    unsigned parameters[MODES_PARAMETERS];
    unsigned parameter_count;
} modes;

void modes_init(modes *self);
/// Takes one byte. True when this byte will switch to the other screen.
bool modes_step(modes *self, uint8_t byte);
/// Appends what brings a terminal in its first state to these modes, but for the alternate screen, origin
/// mode and the scrolling region.
void modes_repaint(const modes *self, buffer *out);

typedef struct saved_line {
    char *text; ///< with attributes, ready to print
    size_t length;
} saved_line;

struct terminal {
    VTerm *vterm;
    VTermScreen *screen;
    terminal_filter filter;
    unsigned columns, rows;
    modes modes;
    bool alternate;
    buffer primary; ///< the first screen, while the alternate one is shown
    char *title;
    buffer title_part, title_whole;
    saved_line scrollback[TERMINAL_SCROLLBACK]; ///< a ring
    unsigned first, count;
    size_t scrollback_bytes;
};

/// Appends one row of cells with their attributes; blanks at its end are left out.
void cells_encode(const VTermScreenCell *cells, unsigned count, buffer *out);
/// Appends the cells of the screen that is shown, and the cursor's place.
void screen_encode(const terminal *self, buffer *out);
