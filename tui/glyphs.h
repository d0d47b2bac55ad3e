// The shapes that are drawn, for a terminal with UTF-8 and for one without.
#pragma once

#include <stdbool.h>

typedef struct glyph_table {
    bool unicode; ///< braille and eighths can be drawn
    const char *horizontal, *vertical;
    const char *top_left, *top_right, *bottom_left, *bottom_right;
    const char *tee_left, *tee_right, *tee_down, *tee_up;
    const char *running, *changing, *stopped, *failed, *paused, *unwell; ///< states of a container
    const char *ellipsis, *dot, *down, *up, *check, *cross, *pull, *enter, *bar_rest, *scroll, *selected;
    const char *spark[8]; ///< eighths from the bottom
    const char *bar[9];   ///< eighths from the left; [0] blank
} glyph_table;

/// The table for this kind of terminal.
const glyph_table *glyphs_get(bool unicode);
/// Words and blanks only, for screen readers.
const glyph_table *glyphs_plain(void);
