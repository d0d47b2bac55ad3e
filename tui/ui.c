#include "tui/ui.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void ui_overlay_close(ui_state *self) {
    ui_overlay *overlay = &self->overlay;
    free(overlay->text);
    free(overlay->command);
    for (size_t i = 0; i < overlay->choice_count; i++)
        free(overlay->choices[i].label);
    free(overlay->choices);
    *overlay = (ui_overlay){0};
}

void ui_finish(ui_state *self) {
    ui_overlay_close(self);
    for (int i = 0; i < PANE_COUNT; i++) {
        free(self->lists[i].selected);
        free(self->lists[i].order);
    }
    free(self->notice);
    free(self->inspect.id);
    free(self->inspect.text);
    free(self->processes.id);
    free(self->processes.text);
    free(self->logs.id);
    free(self->logs.ended);
    log_buffer_finish(&self->logs.lines);
    free(self->consoles);
    *self = (ui_state){0};
}

static size_t pane_size(const model_state *model, ui_pane pane) {
    return pane == PANE_CONTAINERS ? model->container_count
           : pane == PANE_IMAGES   ? model->image_count
                                   : model->task_count;
}

static const char *item_id(const model_state *model, ui_pane pane, size_t index) {
    return pane == PANE_CONTAINERS ? model->containers[index].id
           : pane == PANE_IMAGES   ? model->images[index].id
                                   : model->tasks[index].id;
}

static bool matches(const model_state *model, ui_pane pane, size_t index, const char *filter) {
    bool inverse = filter[0] == '!';
    filter += inverse;
    if (!*filter)
        return true;
    bool found;
    if (pane == PANE_CONTAINERS) {
        const model_container *item = &model->containers[index];
        found = strcasestr(item->name, filter) || strcasestr(item->image, filter) ||
                strcasestr(item->state, filter) || strncmp(item->id, filter, strlen(filter)) == 0;
    } else if (pane == PANE_IMAGES) {
        found = strcasestr(model->images[index].name, filter) || strcasestr(model->images[index].id, filter);
    } else {
        found = strcasestr(model->tasks[index].subject, filter);
    }
    return found != inverse;
}

static int compare_numbers(double a, double b) {
    return a < b ? -1 : a > b;
}

typedef struct order_context {
    const model_state *model;
    const ui_list *list;
    ui_pane pane;
} order_context;

static int compare_containers(const model_container *a, const model_container *b, int sort) {
    switch (sort) {
    case SORT_NAME:
        return strcasecmp(a->name, b->name);
    case SORT_CPU:
        return compare_numbers(b->stats ? b->stats->cpu_of_core : -1, a->stats ? a->stats->cpu_of_core : -1);
    case SORT_MEMORY:
        return compare_numbers(b->stats ? (double)b->stats->memory : -1,
                               a->stats ? (double)a->stats->memory : -1);
    case SORT_AGE:
        return compare_numbers((double)b->created, (double)a->created);
    default: // those that live first
        return (model_container_running(b) || model_container_busy(b)) -
               (model_container_running(a) || model_container_busy(a));
    }
}

static int compare_images(const model_image *a, const model_image *b, int sort) {
    switch (sort) {
    case SORT_NAME:
        return strcasecmp(a->name, b->name);
    case SORT_CPU:
    case SORT_MEMORY:
        return compare_numbers((double)b->size, (double)a->size);
    case SORT_AGE:
        return compare_numbers((double)b->created, (double)a->created);
    default:
        return 0;
    }
}

static int compare(const void *left, const void *right, void *data) {
    const order_context *context = data;
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    int order = 0;
    if (context->pane == PANE_CONTAINERS)
        order = compare_containers(&context->model->containers[a], &context->model->containers[b],
                                   context->list->sort);
    else if (context->pane == PANE_IMAGES)
        order = compare_images(&context->model->images[a], &context->model->images[b], context->list->sort);
    if (context->list->reverse)
        order = -order;
    return order ? order : (a > b) - (a < b); // stable: nothing jumps
}

void ui_refresh_list(ui_state *self, const model_state *model, ui_pane pane) {
    ui_list *list = &self->lists[pane];
    size_t size = pane_size(model, pane);
    size_t *order = realloc(list->order, (size + 1) * sizeof(*order));
    if (!order)
        abort();
    list->order = order;
    list->count = 0;
    for (size_t i = 0; i < size; i++)
        if (matches(model, pane, i, list->filter))
            order[list->count++] = i;
    qsort_r(order, list->count, sizeof(*order), compare, &(order_context){model, list, pane});
    for (size_t i = 0; list->selected && i < list->count; i++) {
        if (strcmp(item_id(model, pane, order[i]), list->selected) == 0) {
            list->index = i;
            return;
        }
    }
    ui_select(self, model, pane, list->index);
}

void ui_select(ui_state *self, const model_state *model, ui_pane pane, size_t index) {
    ui_list *list = &self->lists[pane];
    if (index >= list->count)
        index = list->count ? list->count - 1 : 0;
    const char *id = list->count ? item_id(model, pane, list->order[index]) : NULL;
    list->index = index;
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

static bool selection(const ui_state *self, ui_pane pane, size_t size, size_t *index) {
    const ui_list *list = &self->lists[pane];
    if (list->index >= list->count || list->order[list->index] >= size)
        return false;
    *index = list->order[list->index];
    return true;
}

const model_container *ui_container(const ui_state *self, const model_state *model) {
    size_t index;
    return selection(self, PANE_CONTAINERS, model->container_count, &index) ? &model->containers[index]
                                                                            : NULL;
}

const model_image *ui_image(const ui_state *self, const model_state *model) {
    size_t index;
    return selection(self, PANE_IMAGES, model->image_count, &index) ? &model->images[index] : NULL;
}

const model_task *ui_task(const ui_state *self, const model_state *model) {
    size_t index;
    return selection(self, PANE_TASKS, model->task_count, &index) ? &model->tasks[index] : NULL;
}

size_t ui_pane_tabs(ui_pane pane, ui_tab out[TAB_COUNT]) {
    static const ui_tab container_tabs[] = {TAB_OVERVIEW, TAB_LOGS,      TAB_STATS,
                                            TAB_CONSOLE,  TAB_PROCESSES, TAB_INSPECT};
    static const ui_tab image_tabs[] = {TAB_OVERVIEW, TAB_INSPECT};
    static const ui_tab task_tabs[] = {TAB_OVERVIEW};
    const ui_tab *tabs = pane == PANE_CONTAINERS ? container_tabs
                         : pane == PANE_IMAGES   ? image_tabs
                                                 : task_tabs;
    size_t count = pane == PANE_CONTAINERS ? array_length(container_tabs)
                   : pane == PANE_IMAGES   ? array_length(image_tabs)
                                           : array_length(task_tabs);
    memcpy(out, tabs, count * sizeof(*tabs));
    return count;
}

const char *ui_tab_name(ui_tab tab, ui_pane pane) {
    static const char *const names[TAB_COUNT] = {"overview", "logs",      "stats",
                                                 "console",  "processes", "inspect"};
    return tab == TAB_OVERVIEW && pane == PANE_TASKS ? "progress" : names[tab];
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
    return self->pane == PANE_CONTAINERS ? ACTION_NOUN_CONTAINER
           : self->pane == PANE_IMAGES   ? ACTION_NOUN_IMAGE
                                         : ACTION_NOUN_TASK;
}

bool ui_in_list(const ui_state *self) {
    return self->focus == FOCUS_LIST;
}
