// One line of text being typed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tui/input.h"

#define LINE_EDIT_SIZE 1024

typedef struct line_edit {
    char text[LINE_EDIT_SIZE]; ///< UTF-8, no control characters
    size_t length, cursor;     ///< bytes
} line_edit;

void line_edit_set(line_edit *self, const char *text);
/// Handles a key: characters, paste, movement, ctrl-a e u k w. False: not for it.
bool line_edit_key(line_edit *self, const input_event *event);
/// Columns before the cursor.
int line_edit_column(const line_edit *self);
