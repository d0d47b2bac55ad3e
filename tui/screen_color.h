// Colours of cells as a terminal with fewer can show them.
#pragma once

#include "tui/cell.h"

/// The colour's number for a terminal with this many colours; -1: its own default. In direct-colour terminals
/// numbers below 8 are the palette and others red-green-blue. *bold is set where 8 colours need it to be
/// bright.
int screen_color_number(cell_color color, int colors, bool *bold);
