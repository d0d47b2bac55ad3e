#include "tui/text_search.h"

#include <string.h>

const char *text_search_in(const ui_text *self, const char *line) {
    return *self->search ? strcasestr(line, self->search) : NULL;
}

// Calls for each line that matches; stops at the first true.
static bool each_match(const ui_text *self, bool (*function)(size_t line, void *data), void *data) {
    size_t number = 0;
    for (const char *at = self->text; at && *at && *self->search; number++) {
        size_t length = strcspn(at, "\n");
        const char *found = strcasestr(at, self->search);
        if (!found)
            return false;
        if (found + strlen(self->search) <= at + length && function(number, data))
            return true;
        at += length + (at[length] == '\n');
    }
    return false;
}

static bool count(size_t line, void *data) {
    (void)line;
    ++*(size_t *)data;
    return false;
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

static bool look(size_t line, void *data) {
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
    return false;
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
