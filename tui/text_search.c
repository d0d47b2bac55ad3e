#include "tui/text_search.h"

#include <string.h>

const char *text_search_in(const ui_text *self, const char *line) {
    bool possible = *self->search && !strchr(self->search, '\n');
    return possible ? strcasestr(line, self->search) : NULL;
}

// Calls for each line that matches. What lies before a match is passed over once, not looked through by each
// line.
static void each_match(const ui_text *self, void (*function)(size_t line, void *data), void *data) {
    const char *at = self->text, *found, *end;
    for (size_t line = 0; at && (found = text_search_in(self, at)); line++, at = end ? end + 1 : NULL) {
        while ((end = strchr(at, '\n')) && end < found) {
            at = end + 1;
            line++;
        }
        function(line, data);
    }
}

static void count(size_t line, void *data) {
    (void)line;
    ++*(size_t *)data;
}

size_t text_search_count(const ui_text *self) {
    size_t matches = 0;
    each_match(self, count, &matches);
    return matches;
}

// The first, the last, and those beside the line that the search stands at.
typedef struct neighbours {
    size_t at;
    bool any, after, before;
    size_t first, last, next, previous;
} neighbours;

static void look(size_t line, void *data) {
    neighbours *self = data;
    if (!self->any)
        self->first = line;
    self->any = true;
    self->last = line;
    if (line > self->at && !self->after) {
        self->after = true;
        self->next = line;
    }
    if (line < self->at) {
        self->before = true;
        self->previous = line;
    }
}

bool text_search_go(ui_text *self, int direction) {
    neighbours found = {.at = direction ? self->found : self->top ? self->top - 1 : 0};
    each_match(self, look, &found);
    if (!found.any)
        return false;
    if (!direction && !self->top)
        self->found = found.first;
    else if (direction < 0)
        self->found = found.before ? found.previous : found.last;
    else
        self->found = found.after ? found.next : found.first;
    self->top = self->found > 2 ? self->found - 2 : 0; // some lines before it stay in sight
    return true;
}
