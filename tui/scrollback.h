// Lines that have scrolled off a terminal's screen: trimmed text with runs of styles, in bounded memory.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/cell.h"

#define SCROLLBACK_COLUMNS 1000

typedef struct scrollback_line scrollback_line;

typedef struct scrollback {
    scrollback_line **lines; ///< a ring
    size_t first, count, bytes;
    uint64_t dropped; ///< lines that made room
} scrollback;

void scrollback_push(scrollback *self, const cell *cells, int columns);
/// Draws line `index` (0: the oldest) into row y of the area.
void scrollback_draw(const scrollback *self, size_t index, grid *out, const rect *area, int y);
/// Takes the newest line back into so many cells. False: there is none, or it is wider than that.
bool scrollback_pop(scrollback *self, cell *out, int columns);
void scrollback_finish(scrollback *self);
