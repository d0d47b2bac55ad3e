#include "tui/log_view.h"

#include <string.h>

bool log_view_shows(const ui_logs *self, const log_line *line) {
    bool inverse = self->filter[0] == '!';
    const char *wanted = self->filter + inverse;
    return !*wanted || (strcasestr(line->text, wanted) != NULL) != inverse;
}

bool log_view_found(const ui_logs *self, const log_line *line) {
    return *self->search && strcasestr(line->text, self->search);
}

bool log_view_marked(const ui_logs *self, const log_line *line) {
    (void)self;
    return line->marked;
}

size_t log_view_total(const ui_logs *self) {
    return *self->filter ? log_view_back(self, LOG_VIEW_NONE) : self->lines.count;
}

size_t log_view_matches(const ui_logs *self) {
    size_t count = 0;
    for (size_t i = 0; *self->search && i < self->lines.count; i++) {
        const log_line *line = log_buffer_at(&self->lines, i);
        count += log_view_shows(self, line) && log_view_found(self, line);
    }
    return count;
}

size_t log_view_index(const ui_logs *self, size_t back) {
    for (size_t i = self->lines.count; i-- > 0;)
        if (log_view_shows(self, log_buffer_at(&self->lines, i)) && back-- == 0)
            return i;
    return LOG_VIEW_NONE;
}

size_t log_view_back(const ui_logs *self, size_t index) {
    size_t count = 0;
    for (size_t i = index == LOG_VIEW_NONE ? 0 : index + 1; i < self->lines.count; i++)
        count += log_view_shows(self, log_buffer_at(&self->lines, i));
    return count;
}

bool log_view_go(ui_logs *self, log_view_test test, int direction) {
    size_t count = self->lines.count, at = log_view_index(self, self->follow ? 0 : self->back);
    if (at == LOG_VIEW_NONE)
        return false;
    for (size_t step = 1; step < count; step++) {
        size_t index = direction > 0 ? (at + step) % count : (at + count - step) % count;
        const log_line *line = log_buffer_at(&self->lines, index);
        if (!log_view_shows(self, line) || !test(self, line))
            continue;
        self->follow = false;
        self->back = log_view_back(self, index);
        return true;
    }
    return false;
}

void log_view_scroll(ui_logs *self, int64_t delta) {
    size_t total = log_view_total(self);
    int64_t position = (int64_t)(self->follow ? 0 : self->back) - delta;
    int64_t most = total ? (int64_t)total - 1 : 0;
    self->back = position < 0 ? 0 : position > most ? (size_t)most : (size_t)position;
    self->follow = position <= 0;
}
