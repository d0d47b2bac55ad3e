// Lists: what a pane's things are, its columns, order and filter. One table for each pane (pane_*.c); what
// all panes do alike is here and in view_list.c.
#pragma once

#include "tui/action.h"
#include "tui/model.h"
#include "tui/theme.h"

struct painter;
struct view_context;

#define LIST_COLUMNS 16
#define LIST_WORDS   8

typedef struct list_column {
    const char *name;  ///< "cpu": what the user and the kept state call it
    const char *title; ///< over the column
    int width;         ///< in columns; of one that grows: the least
    int grow;          ///< its share of the room that is left; 0: none
    int rank;          ///< the higher, the sooner it goes where room lacks; 0: it stays
    bool right;        ///< its title stands at the right
    bool extra;        ///< shown only where the user asks for it
    bool figure;       ///< says something only of what is alive (see list_kind.tail)
    void (*draw)(const struct painter *self, int x, int y, int width, const void *item);
    int (*compare)(const void *a, const void *b); ///< largest or first on top; NULL: no order
} list_column;

typedef struct list_kind {
    const char *name;  ///< "containers"
    const char *empty; ///< what an empty list says
    char key;
    action_noun noun;
    const list_column *columns;
    size_t column_count, item_size;
    const void *(*items)(const model_state *model, size_t *count);
    bool (*known)(const model_state *model); ///< a first answer has come; NULL: always
    const char *(*id)(const void *item);
    const char *(*title)(const void *item);
    /// What a filter looks at.
    void (*words)(const void *item, const char *out[LIST_WORDS]);
    const json_t *(*document)(const void *item);  ///< all that is known of it; or NULL
    int (*natural)(const void *a, const void *b); ///< the order without a column; NULL: as they come
    /// What the thing is grouped under by "network", "image" …; NULL: it cannot be grouped but by a label.
    void (*group)(const void *item, const char *by, char out[64]);
    /// A glyph in front of the row.
    const char *(*glyph)(const struct view_context *view, const void *item, theme_role *role);
    /// For a thing that is not alive: text in place of its figures. False: it has figures.
    bool (*tail)(const struct view_context *view, const void *item, bool narrow, char out[160],
                 theme_role *role);
    /// A second line, where there is room for it; or NULL.
    void (*second)(const struct painter *self, int y, const void *item);
} list_kind;

extern const list_kind list_containers, list_images, list_networks, list_volumes, list_tasks, list_events;

/// The place of a column by its name, -1 when there is none.
int list_column_find(const list_kind *kind, const char *name);

/// Which columns are shown in `width` and where.
typedef struct list_columns {
    int index[LIST_COLUMNS], x[LIST_COLUMNS], width[LIST_COLUMNS];
    int count;
    int figures; ///< where the first figure starts; the right end where there is none
} list_columns;

/// `chosen`: a bit for each column, 0 for the usual ones. Columns start at `from`.
list_columns list_arrange(const list_kind *kind, uint32_t chosen, int from, int width);
/// The bits of the columns that are shown without a choice.
uint32_t list_usual_columns(const list_kind *kind);

/// The labels in its configuration, or NULL.
const json_t *list_labels(const list_kind *kind, const void *item);
/// What `item` is grouped under by `by`: "#label", or what its kind knows; "" where there is nothing.
void list_group(const list_kind *kind, const void *item, const char *by, char out[64]);

// ---- filters ----
// Words that all have to be found, without regard to case: "web", "!web" (not), "~^w.*b$" (regular
// expression, POSIX extended), "#tier" and "#tier=front" (labels).

typedef struct list_filter list_filter;

/// NULL where the text asks for nothing. *problem (static or NULL) says what is wrong; what is wrong matches
/// everything.
list_filter *list_filter_create(const char *text, const char **problem);
void list_filter_destroy(list_filter *self); ///< accepts NULL
bool list_filter_matches(const list_filter *self, const list_kind *kind, const void *item);
