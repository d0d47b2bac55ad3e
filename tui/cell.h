// Cells: what a screen is made of. A grid of them is what every view draws into; nothing here knows a
// terminal.
//
// Whatever text goes in, no cell ever holds a control character, a surrogate or a bidirectional override:
// they become U+FFFD. So a grid can be shown without a further look.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CELL_CHARS 5 ///< a base character and what combines with it

/// A colour: the terminal's own, one of its palette, or red-green-blue.
typedef uint32_t cell_color;
#define CELL_COLOR_DEFAULT        0u
#define CELL_COLOR_KEEP           0xff000000u ///< when drawing: leave what the cell has
#define CELL_COLOR_INDEXED(index) (0x01000000u | (uint8_t)(index))
#define CELL_COLOR_RGB(r, g, b)   (0x02000000u | (uint32_t)(r) << 16 | (uint32_t)(g) << 8 | (uint32_t)(b))
#define CELL_COLOR_HEX(rgb)       (0x02000000u | (rgb))
#define CELL_COLOR_INDEX(c)       ((uint8_t)(c))
#define CELL_COLOR_IS_INDEXED(c)  ((c) >> 24 == 1)
#define CELL_COLOR_IS_RGB(c)      ((c) >> 24 == 2)

enum {
    CELL_BOLD = 1,
    CELL_DIM = 2,
    CELL_ITALIC = 4,
    CELL_UNDERLINE = 8,
    CELL_REVERSE = 16,
    CELL_BLINK = 32,
    CELL_STRIKE = 64,
};

typedef struct cell_style {
    cell_color fg, bg;
    uint16_t attributes;
} cell_style;

typedef struct cell {
    uint32_t chars[CELL_CHARS]; ///< ends with 0 when shorter; a blank is ' '
    cell_style style;
    uint8_t width; ///< 1 or 2; 0: the right half of the wide cell before it
} cell;

typedef struct grid {
    int columns, rows;
    cell *cells; ///< rows * columns
    int cursor_column, cursor_row;
    bool cursor_visible;
} grid;

typedef struct rect {
    int x, y, width, height;
} rect;

/// Makes it this size, blank. Earlier content is lost. Call finish in the end.
void grid_resize(grid *self, int columns, int rows);
void grid_finish(grid *self);
/// Blanks everything with this style, the cursor hidden.
void grid_clear(grid *self, cell_style style);
/// The cell there, or NULL outside.
cell *grid_at(const grid *self, int x, int y);
bool cell_equal(const cell *a, const cell *b);
bool cell_style_equal(const cell_style *a, const cell_style *b);

/// Columns a character takes: 0 (combines), 1 or 2. What cannot be shown counts as the 1 of U+FFFD.
int cell_char_width(uint32_t character);
/// Whether it may stand in a cell as it is.
bool cell_char_printable(uint32_t character);
/// Decodes one character of at most `length` bytes; *used is at least 1. Invalid bytes give U+FFFD.
uint32_t cell_utf8_decode(const char *text, size_t length, size_t *used);
/// Encodes into at most 4 bytes; returns how many. No NUL is added.
size_t cell_utf8_encode(uint32_t character, char out[4]);
/// Columns the text takes.
int cell_text_width(const char *text);

/// Puts one character with what combines; clipped by `clip`. A wide one that does not fit becomes a blank.
void grid_put(grid *self, const rect *clip, int x, int y, const uint32_t *chars, int width, cell_style style);
/// Draws text from x on, at most `width` columns and inside `clip`; what is longer ends with `ellipsis`
/// (NULL: is cut). Returns the columns used.
int grid_text(grid *self, const rect *clip, int x, int y, int width, cell_style style, const char *text,
              const char *ellipsis);
/// The same, at the right end of the field.
void grid_text_right(grid *self, const rect *clip, int x, int y, int width, cell_style style,
                     const char *text, const char *ellipsis);
/// Fills with blanks.
void grid_fill(grid *self, const rect *area, cell_style style);
/// Changes the style of what is there; KEEP colours stay.
void grid_restyle(grid *self, const rect *area, cell_style style);

rect rect_inset(rect outer, int x, int y);
rect rect_intersect(rect a, rect b);
