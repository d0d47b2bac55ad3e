// Small pictures of numbers: sparklines, bars, braille graphs.
#pragma once

#include "tui/cell.h"
#include "tui/glyphs.h"
#include "tui/theme.h"

#define HISTORY_LENGTH 400

/// The last readings of something, as a ring.
typedef struct history {
    float values[HISTORY_LENGTH];
    int count, next;
} history;

void history_add(history *self, double value);
/// The reading `age` steps back (0: the newest); -1 when there is none.
double history_at(const history *self, int age);
double history_most(const history *self, int count);

/// The last `width` readings, newest at the right. `top` is what the full height stands for, `full` what the
/// end of the gradient does: a small load stays calm in colour even where it fills the height.
void graph_spark(grid *out, const rect *clip, int x, int y, int width, const history *values, double top,
                 double full, const theme_table *theme, theme_gradient gradient, const glyph_table *glyphs);
/// A bar of `width` columns filled by `share` (0 to 1).
void graph_bar(grid *out, const rect *clip, int x, int y, int width, double share, const theme_table *theme,
               theme_gradient gradient, const glyph_table *glyphs);
/// The readings as an area, two to a column in braille (one without UTF-8), newest at the right; only what is
/// inside `clip`.
void graph_area(grid *out, const rect *clip, const rect *area, const history *values, double top, double full,
                const theme_table *theme, theme_gradient gradient, const glyph_table *glyphs);
