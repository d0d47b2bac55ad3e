#include "tui/ui.h"

#include <stdlib.h>
#include <string.h>

void ui_overlay_close(ui_state *self) {
    ui_overlay *overlay = &self->overlay;
    free(overlay->text);
    free(overlay->command);
    for (size_t i = 0; i < overlay->choice_count; i++)
        free(overlay->choices[i].label);
    free(overlay->choices);
    *overlay = (ui_overlay){0};
}

void ui_files_clear(ui_files *self) {
    free(self->id);
    free(self->asked);
    free(self->problem);
    free(self->title);
    free(self->view.id);
    free(self->view.text);
    file_list_finish(&self->list);
    *self = (ui_files){0};
}

void ui_finish(ui_state *self) {
    ui_overlay_close(self);
    for (int i = 0; i < PANE_COUNT; i++) {
        free(self->lists[i].selected);
        ui_marks_clear(&self->lists[i]);
        free(self->lists[i].order);
    }
    free(self->notice);
    free(self->inspect.id);
    free(self->inspect.text);
    free(self->processes.id);
    free(self->processes.text);
    ui_files_clear(&self->files);
    free(self->logs.id);
    free(self->logs.ended);
    log_buffer_finish(&self->logs.lines);
    for (size_t i = 0; i < self->logs.source_count; i++)
        free(self->logs.sources[i].name);
    free(self->consoles);
    *self = (ui_state){0};
}

const list_kind *ui_kind(ui_pane pane) {
    static const list_kind *const kinds[PANE_COUNT] = {
        [PANE_CONTAINERS] = &list_containers, [PANE_IMAGES] = &list_images, [PANE_NETWORKS] = &list_networks,
        [PANE_VOLUMES] = &list_volumes,       [PANE_TASKS] = &list_tasks,   [PANE_EVENTS] = &list_events,
    };
    return kinds[pane];
}

static const void *item_of(const list_kind *kind, const void *items, size_t index) {
    return (const char *)items + index * kind->item_size;
}

// ---- marks ----

bool ui_marked(const ui_list *self, const char *id) {
    for (size_t i = 0; i < self->mark_count; i++)
        if (strcmp(self->marked[i], id) == 0)
            return true;
    return false;
}

void ui_mark(ui_list *self, const char *id, bool on) {
    for (size_t i = 0; i < self->mark_count; i++) {
        if (strcmp(self->marked[i], id) != 0)
            continue;
        if (!on) {
            free(self->marked[i]);
            self->mark_count--;
            memmove(&self->marked[i], &self->marked[i + 1], (self->mark_count - i) * sizeof(*self->marked));
        }
        return;
    }
    if (!on)
        return;
    char **marked = realloc(self->marked, (self->mark_count + 1) * sizeof(*marked));
    if (!marked)
        abort();
    self->marked = marked;
    self->marked[self->mark_count++] = strdup(id);
}

void ui_marks_clear(ui_list *self) {
    for (size_t i = 0; i < self->mark_count; i++)
        free(self->marked[i]);
    free(self->marked);
    self->marked = NULL;
    self->mark_count = 0;
}

// Marks of what is gone go too.
static void sweep_marks(ui_list *list, const list_kind *kind, const void *items, size_t size) {
    for (size_t m = list->mark_count; m-- > 0;) {
        bool there = false;
        for (size_t i = 0; i < size && !there; i++)
            there = strcmp(kind->id(item_of(kind, items, i)), list->marked[m]) == 0;
        if (!there)
            ui_mark(list, list->marked[m], false);
    }
}

// ---- order ----

typedef struct order_context {
    const list_kind *kind;
    const ui_list *list;
    const void *items;
} order_context;

static int compare(const void *left, const void *right, void *data) {
    const order_context *context = data;
    const ui_list *list = context->list;
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    const void *one = item_of(context->kind, context->items, a);
    const void *other = item_of(context->kind, context->items, b);
    int order = 0;
    if (*list->group) {
        char first[64], second[64];
        list_group(context->kind, one, list->group, first);
        list_group(context->kind, other, list->group, second);
        // Those that belong to no group come last.
        order = !*first != !*second ? !*first - !*second : strcmp(first, second);
        if (order)
            return order;
    }
    int (*by)(const void *, const void *) =
        list->sort ? context->kind->columns[list->sort - 1].compare : context->kind->natural;
    if (by)
        order = by(one, other);
    if (!order && list->sort && context->kind->natural)
        order = context->kind->natural(one, other);
    if (list->reverse)
        order = -order;
    return order ? order : (a > b) - (a < b); // stable: nothing jumps
}

void ui_refresh_list(ui_state *self, const model_state *model, ui_pane pane) {
    ui_list *list = &self->lists[pane];
    const list_kind *kind = ui_kind(pane);
    size_t size;
    const void *items = kind->items(model, &size);
    size_t *order = realloc(list->order, (size + 1) * sizeof(*order));
    if (!order)
        abort();
    list->order = order;
    list->count = 0;
    sweep_marks(list, kind, items, size);
    list_filter *filter = list_filter_create(list->filter, &list->filter_problem);
    for (size_t i = 0; i < size; i++)
        if (list_filter_matches(filter, kind, item_of(kind, items, i)))
            order[list->count++] = i;
    list_filter_destroy(filter);
    qsort_r(order, list->count, sizeof(*order), compare, &(order_context){kind, list, items});
    for (size_t i = 0; list->selected && i < list->count; i++) {
        if (strcmp(kind->id(item_of(kind, items, order[i])), list->selected) == 0) {
            list->index = i;
            return;
        }
    }
    ui_select(self, model, pane, list->index);
}

const void *ui_item_at(const ui_state *self, const model_state *model, ui_pane pane, size_t place) {
    const ui_list *list = &self->lists[pane];
    size_t size;
    const void *items = ui_kind(pane)->items(model, &size);
    return place < list->count && list->order[place] < size
               ? item_of(ui_kind(pane), items, list->order[place])
               : NULL;
}

const void *ui_selected(const ui_state *self, const model_state *model, ui_pane pane) {
    return ui_item_at(self, model, pane, self->lists[pane].index);
}

void ui_use_pane(ui_state *self, ui_pane pane) {
    self->pane = pane;
    if (pane == PANE_NETWORKS || pane == PANE_VOLUMES)
        self->used[2] = pane == PANE_VOLUMES;
    if (pane == PANE_TASKS || pane == PANE_EVENTS)
        self->used[3] = pane == PANE_EVENTS;
}

void ui_select(ui_state *self, const model_state *model, ui_pane pane, size_t index) {
    ui_list *list = &self->lists[pane];
    if (index >= list->count)
        index = list->count ? list->count - 1 : 0;
    list->index = index;
    const void *item = ui_selected(self, model, pane);
    const char *id = item ? ui_kind(pane)->id(item) : NULL;
    if (id && list->selected && strcmp(id, list->selected) == 0)
        return;
    free(list->selected);
    list->selected = id ? strdup(id) : NULL;
    if (pane == self->pane)
        self->detail_top = 0;
}

void ui_move(ui_state *self, const model_state *model, ui_pane pane, int64_t delta) {
    ui_list *list = &self->lists[pane];
    int64_t target = (int64_t)list->index + delta;
    ui_select(self, model, pane, target < 0 ? 0 : (size_t)target);
}

const model_container *ui_container(const ui_state *self, const model_state *model) {
    return ui_selected(self, model, PANE_CONTAINERS);
}

const model_image *ui_image(const ui_state *self, const model_state *model) {
    return ui_selected(self, model, PANE_IMAGES);
}

const model_network *ui_network(const ui_state *self, const model_state *model) {
    return ui_selected(self, model, PANE_NETWORKS);
}

const model_volume *ui_volume(const ui_state *self, const model_state *model) {
    return ui_selected(self, model, PANE_VOLUMES);
}

const model_task *ui_task(const ui_state *self, const model_state *model) {
    return ui_selected(self, model, PANE_TASKS);
}

const model_event *ui_event(const ui_state *self, const model_state *model) {
    return ui_selected(self, model, PANE_EVENTS);
}

size_t ui_pane_tabs(ui_pane pane, ui_tab out[TAB_COUNT]) {
    static const struct {
        ui_tab tabs[TAB_COUNT];
        size_t count;
    } panes[PANE_COUNT] = {
        [PANE_CONTAINERS] = {{TAB_OVERVIEW, TAB_LOGS, TAB_STATS, TAB_CONSOLE, TAB_PROCESSES, TAB_FILES,
                              TAB_INSPECT},
                             7},
        [PANE_IMAGES] = {{TAB_OVERVIEW, TAB_LAYERS, TAB_CONFIGURATION, TAB_USERS, TAB_INSPECT}, 5},
        [PANE_NETWORKS] = {{TAB_OVERVIEW, TAB_INSPECT}, 2},
        [PANE_VOLUMES] = {{TAB_OVERVIEW, TAB_INSPECT}, 2},
        [PANE_TASKS] = {{TAB_OVERVIEW}, 1},
        [PANE_EVENTS] = {{TAB_INSPECT}, 1},
    };
    memcpy(out, panes[pane].tabs, sizeof(panes[pane].tabs));
    return panes[pane].count;
}

ui_tab ui_current_tab(const ui_state *self, ui_pane pane) {
    ui_tab tabs[TAB_COUNT];
    size_t count = ui_pane_tabs(pane, tabs);
    for (size_t i = 0; i < count; i++)
        if (tabs[i] == self->tabs[pane])
            return tabs[i];
    return tabs[0];
}

const char *ui_tab_name(ui_tab tab, ui_pane pane) {
    static const char *const names[TAB_COUNT] = {"overview",      "logs",      "stats",   "console",
                                                 "processes",     "files",     "inspect", "layers",
                                                 "configuration", "containers"};
    static const char *const first[PANE_COUNT] = {
        [PANE_NETWORKS] = "members", [PANE_VOLUMES] = "users", [PANE_TASKS] = "progress"};
    return tab == TAB_OVERVIEW && first[pane] ? first[pane] : names[tab];
}

ui_console *ui_selected_console(const ui_state *self, const model_state *model) {
    const model_container *container = ui_container(self, model);
    if (!container || self->pane != PANE_CONTAINERS)
        return NULL;
    if (self->console < self->console_count &&
        strcmp(self->consoles[self->console]->container_id, container->id) == 0)
        return self->consoles[self->console];
    for (size_t i = self->console_count; i-- > 0;)
        if (strcmp(self->consoles[i]->container_id, container->id) == 0)
            return self->consoles[i];
    return NULL;
}

bool ui_is_split(const ui_state *self, const model_state *model) {
    const ui_console *selected = ui_selected_console(self, model);
    return self->focus == FOCUS_CONSOLE && selected &&
           (selected == self->split[0] || selected == self->split[1]);
}

void ui_split_use(ui_state *self, ui_console *console) {
    if (!self->split[0] || !console)
        return;
    for (int half = 0; half < 2; half++)
        if (self->split[half] == console)
            self->half = half;
    self->split[self->half] = console;
}

ui_text *ui_focused_text(ui_state *self) {
    ui_tab tab = ui_current_tab(self, self->pane);
    return self->focus != FOCUS_DETAIL                ? NULL
           : tab == TAB_INSPECT                       ? &self->inspect
           : tab == TAB_PROCESSES                     ? &self->processes
           : ui_in_files(self) && self->files.viewing ? &self->files.view
                                                      : NULL;
}

void ui_set_notice(ui_state *self, ui_notice_kind kind, const char *text) {
    free(self->notice);
    self->notice = text ? holm_text_escape(text, strlen(text)) : NULL;
    self->notice_kind = text ? kind : NOTICE_NONE;
}

action_noun ui_noun(const ui_state *self) {
    if (self->focus == FOCUS_CONSOLE)
        return ACTION_NOUN_CONSOLE;
    if (self->focus == FOCUS_DETAIL && self->pane == PANE_CONTAINERS &&
        self->tabs[PANE_CONTAINERS] == TAB_LOGS)
        return ACTION_NOUN_LOGS;
    if (ui_in_files(self))
        return ACTION_NOUN_FILES;
    return ui_kind(self->pane)->noun;
}

bool ui_in_files(const ui_state *self) {
    return self->focus == FOCUS_DETAIL && self->pane == PANE_CONTAINERS &&
           self->tabs[PANE_CONTAINERS] == TAB_FILES;
}

bool ui_in_list(const ui_state *self) {
    return self->focus == FOCUS_LIST;
}
