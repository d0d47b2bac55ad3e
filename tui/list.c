#include "tui/list.h"

#include <stdio.h>
#include <string.h>

int list_column_find(const list_kind *kind, const char *name) {
    for (size_t i = 0; i < kind->column_count; i++)
        if (strcmp(kind->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

uint32_t list_usual_columns(const list_kind *kind) {
    uint32_t bits = 0;
    for (size_t i = 0; i < kind->column_count; i++)
        if (!kind->columns[i].extra)
            bits |= 1u << i;
    return bits;
}

static int needed(const list_kind *kind, uint32_t shown) {
    int width = 0;
    for (size_t i = 0; i < kind->column_count; i++)
        if (shown & 1u << i)
            width += kind->columns[i].width + 1;
    return width;
}

// The column that goes first where room lacks; -1 when none may.
static int least_wanted(const list_kind *kind, uint32_t shown) {
    int found = -1;
    for (size_t i = 0; i < kind->column_count; i++)
        if (shown & 1u << i && kind->columns[i].rank > 0 &&
            (found < 0 || kind->columns[i].rank >= kind->columns[found].rank))
            found = (int)i;
    return found;
}

list_columns list_arrange(const list_kind *kind, uint32_t chosen, int from, int width) {
    list_columns self = {.figures = width};
    uint32_t shown = chosen ? chosen : list_usual_columns(kind);
    int room = width - from, drop;
    while (needed(kind, shown) > room && (drop = least_wanted(kind, shown)) >= 0)
        shown &= ~(1u << drop);
    int shares = 0, rest = room - needed(kind, shown);
    for (size_t i = 0; i < kind->column_count; i++)
        shares += shown & 1u << i ? kind->columns[i].grow : 0;
    rest = rest > 0 ? rest : 0;
    int x = from;
    for (size_t i = 0; i < kind->column_count && self.count < LIST_COLUMNS; i++) {
        if (!(shown & 1u << i))
            continue;
        const list_column *column = &kind->columns[i];
        int more = shares ? rest * column->grow / shares : 0;
        rest -= more;
        shares -= column->grow;
        self.index[self.count] = (int)i;
        self.x[self.count] = x;
        self.width[self.count++] = column->width + more;
        if (column->figure && x < self.figures)
            self.figures = x;
        x += column->width + more + 1;
    }
    return self;
}

const json_t *list_labels(const list_kind *kind, const void *item) {
    const json_t *document = kind->document ? kind->document(item) : NULL;
    return json_object_get(json_object_get(document, "configuration"), "labels");
}

void list_group(const list_kind *kind, const void *item, const char *by, char out[64]) {
    out[0] = 0;
    if (by[0] == '#') {
        const json_t *labels = list_labels(kind, item);
        const char *text = json_string_value(json_object_get(labels, by + 1));
        cleanup_free char *safe = text ? holm_text_escape(text, strlen(text)) : NULL;
        snprintf(out, 64, "%.63s", safe ? safe : "");
    } else if (kind->group) {
        kind->group(item, by, out);
    }
}
