// The parts of the terminal among themselves.
#pragma once

#include <vterm.h>

#include "core/holm.h"
#include "tui/scrollback.h"
#include "tui/terminal.h"

#define TERMINAL_TITLE 256
#define TERMINAL_BATCH (64u << 10) ///< bytes that are looked at together

struct terminal {
    VTerm *emulator;
    VTermScreen *screen;
    terminal_filter filter;
    terminal_output output;
    void *data;
    scrollback history;
    char title[TERMINAL_TITLE]; ///< as it came
    size_t title_length;
    char *shown_title; ///< escaped
    bool changed, cursor_visible, alternate, pasting;
    int mouse;
    char *batch; ///< what the filter has let through, until the end of a write
    size_t batched;
    size_t pushed_out; ///< lines that went to the scrollback only because the screen shrank
    bool resizing;
    unsigned odd; ///< modes in which lines are not simply one below the other (terminal_pass.c)
};

void terminal_convert_cell(const VTermScreenCell *from, cell *out);
cell_style terminal_convert_style(const VTermScreenCell *from);
/// A line goes to the scrollback (a callback of libvterm).
int terminal_push_line(int columns, const VTermScreenCell *cells, void *data);

/// Writes filtered bytes, whole characters and sequences, to the emulator; lines that nobody can have seen go
/// past it, straight to the scrollback.
void terminal_pass(terminal *self, const char *bytes, size_t length);
