// Which lines of the logs are shown: filter, search, marks. Lines are counted from the last one that is
// shown.
#pragma once

#include "tui/ui.h"

#define LOG_VIEW_NONE SIZE_MAX

/// Whether the filter lets it through: it holds the text, or with "!" before it does not.
bool log_view_shows(const ui_logs *self, const log_line *line);
/// How many lines are shown, and how many of them hold the search.
size_t log_view_total(const ui_logs *self);
size_t log_view_matches(const ui_logs *self);
/// The place in the buffer of the line that is `back` lines up from the last one shown, or LOG_VIEW_NONE.
size_t log_view_index(const ui_logs *self, size_t back);
/// The lines shown behind this place.
size_t log_view_back(const ui_logs *self, size_t index);

typedef bool (*log_view_test)(const ui_logs *self, const log_line *line);
bool log_view_found(const ui_logs *self, const log_line *line);
bool log_view_marked(const ui_logs *self, const log_line *line);
/// Goes to the next shown line for which the test holds (direction 1 or -1), around the end. False: no other.
bool log_view_go(ui_logs *self, log_view_test test, int direction);
void log_view_scroll(ui_logs *self, int64_t delta);
