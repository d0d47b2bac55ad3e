// Lines of a terminal as text: what is searched and copied.
#pragma once

#include "tui/terminal.h"

/// One line: its text, and the column each byte stands in.
typedef struct copy_line {
    grid row;
    char *text;
    int *columns;
    size_t length, capacity;
} copy_line;

#define COPY_LINE_INIT    ((copy_line){.length = 0})
#define cleanup_copy_line cleanup(copy_line_finish)

/// Reads this line, without the blanks at its end.
void copy_line_read(copy_line *self, const terminal *screen, uint64_t number);
void copy_line_finish(copy_line *self);

#define COPY_LINE_ANY (-2)
/// The column where `wanted` is found: the first one behind column `from` (back: the last one before it), or
/// from the line's edge on with COPY_LINE_ANY; -1 when it is not there. Letters match in either case unless
/// `wanted` has a capital.
int copy_line_find(const copy_line *self, const char *wanted, bool back, int from);

/// Columns: the last character's, the next word's first, the one before.
int copy_line_end(const terminal *screen, uint64_t number);
int copy_word_next(const terminal *screen, uint64_t number, int column);
int copy_word_previous(const terminal *screen, uint64_t number, int column);

typedef struct copy_range {
    uint64_t first, last;
    int first_column, last_column;
} copy_range;

/// Its text, lines parted by line feeds, cut to whole characters within `most` bytes. The caller frees it.
char *copy_range_text(const copy_range *self, const terminal *screen, size_t most);
