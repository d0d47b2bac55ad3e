// Searching in the text of a tab: inspect, processes. Letters count as the same in both cases.
#pragma once

#include "tui/ui.h"

/// How many lines hold what is searched for.
size_t text_search_count(const ui_text *self);
/// Goes to the next line (direction -1: the one before) that holds it, round the end; 0: the first from where
/// the text is shown. False: there is none.
bool text_search_go(ui_text *self, int direction);
/// Where it is in the line from this byte on; NULL: not there.
const char *text_search_in(const ui_text *self, const char *line);
