// What the actions of the table do in the dashboard.
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

typedef void (*act_function)(dashboard *self, const char *id);

void dashboard_report(dashboard *self, const char *what, const holm_error *error) {
    char text[512];
    const char *hint = holm_error_hint_of(error);
    snprintf(text, sizeof(text), "%s: %s%s%s", what, holm_error_message(error), hint ? "; " : "",
             hint ? hint : "");
    ui_set_notice(&self->ui, NOTICE_BAD, text);
    dashboard_dirty(self);
}

static void on_applied(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    (void)result;
    model_container *container = model_find_container(&self->model, id);
    if (container)
        container->pending = false;
    if (error)
        dashboard_report(self, container ? container->name : "failed", error);
    dashboard_list_containers(self);
    dashboard_dirty(self);
}

void dashboard_apply(dashboard *self, const action *what, const char *id) {
    model_container *container =
        what->noun == ACTION_NOUN_CONTAINER ? model_find_container(&self->model, id) : NULL;
    if (container)
        container->pending = true;
    what->apply(self->client, id, dashboard_done, dashboard_request(self, id, on_applied));
    dashboard_dirty(self);
}

bool dashboard_applies(const dashboard *self, const action *what) {
    const model_container *container = ui_container(&self->ui, &self->model);
    if (what->noun == ACTION_NOUN_CONTAINER && what->keys) {
        if (!container || self->ui.pane != PANE_CONTAINERS)
            return false;
        bool running = model_container_running(container);
        return !(what->flags & ACTION_RUNNING && !running) && !(what->flags & ACTION_STOPPED && running);
    }
    if (what->noun == ACTION_NOUN_IMAGE && strcmp(what->name, "image.pull") != 0)
        return self->ui.pane == PANE_IMAGES && ui_image(&self->ui, &self->model);
    if (what->noun == ACTION_NOUN_TASK)
        return self->ui.pane == PANE_TASKS && ui_task(&self->ui, &self->model);
    return true;
}

// ---- places ----

static void focus_pane(dashboard *self, ui_pane pane) {
    self->ui.pane = pane;
    self->ui.focus = FOCUS_LIST;
    self->ui.detail_open = false;
    dashboard_settle(self);
}

static void next_pane(dashboard *self, const char *id) {
    (void)id;
    focus_pane(self, (ui_pane)((self->ui.pane + 1) % PANE_COUNT));
}

static void previous_pane(dashboard *self, const char *id) {
    (void)id;
    focus_pane(self, (ui_pane)((self->ui.pane + PANE_COUNT - 1) % PANE_COUNT));
}

static void pane_containers_focus(dashboard *self, const char *id) {
    (void)id;
    focus_pane(self, PANE_CONTAINERS);
}

static void pane_images_focus(dashboard *self, const char *id) {
    (void)id;
    focus_pane(self, PANE_IMAGES);
}

static void pane_tasks_focus(dashboard *self, const char *id) {
    (void)id;
    focus_pane(self, PANE_TASKS);
}

static void open_detail(dashboard *self, const char *id) {
    (void)id;
    if (!self->ui.lists[self->ui.pane].selected)
        return;
    self->ui.detail_open = true;
    self->ui.focus = FOCUS_DETAIL;
    if (self->ui.pane == PANE_CONTAINERS && self->ui.tabs[PANE_CONTAINERS] == TAB_CONSOLE)
        dashboard_console_enter(self);
    dashboard_settle(self);
}

static void show_tab(dashboard *self, ui_tab tab) {
    self->ui.tabs[self->ui.pane] = tab;
    self->ui.detail_top = 0;
    if (!dashboard_layout(self).detail.width)
        open_detail(self, NULL);
    if (self->ui.focus != FOCUS_LIST)
        self->ui.focus = FOCUS_DETAIL;
    dashboard_settle(self);
}

static void step_tab(dashboard *self, int direction) {
    ui_tab tabs[TAB_COUNT];
    size_t count = ui_pane_tabs(self->ui.pane, tabs), at = 0;
    for (size_t i = 0; i < count; i++)
        if (tabs[i] == self->ui.tabs[self->ui.pane])
            at = i;
    show_tab(self, tabs[(at + count + (size_t)direction) % count]);
}

static void next_tab(dashboard *self, const char *id) {
    (void)id;
    step_tab(self, 1);
}

static void previous_tab(dashboard *self, const char *id) {
    (void)id;
    step_tab(self, -1);
}

static void zoom(dashboard *self, const char *id) {
    (void)id;
    self->ui.zoom = !self->ui.zoom;
    dashboard_settle(self);
}

static void back(dashboard *self, const char *id) {
    (void)id;
    ui_list *list = &self->ui.lists[self->ui.pane];
    if (self->ui.focus == FOCUS_DETAIL) {
        self->ui.focus = FOCUS_LIST;
        self->ui.detail_open = false;
    } else if (self->ui.zoom) {
        self->ui.zoom = false;
    } else if (*list->filter) {
        list->filter[0] = 0;
        ui_refresh_list(&self->ui, &self->model, self->ui.pane);
    } else if (self->ui.detail_open) {
        self->ui.detail_open = false;
    }
    dashboard_settle(self);
}

static void help(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_help(self);
}

static void palette(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_palette(self, false);
}

static void menu(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_palette(self, true);
}

static void mouse(dashboard *self, const char *id) {
    (void)id;
    self->ui.mouse = !self->ui.mouse;
    screen_mouse(self->screen, self->ui.mouse);
    ui_set_notice(&self->ui, NOTICE_INFO,
                  self->ui.mouse ? "mouse on" : "mouse off: the terminal selects text");
    dashboard_dirty(self);
}

static void copy(dashboard *self, const char *id) {
    (void)id;
    const char *text = self->ui.lists[self->ui.pane].selected;
    if (!text)
        return;
    screen_copy(self->screen, text);
    ui_set_notice(&self->ui, NOTICE_INFO, "its id is on the clipboard");
    dashboard_dirty(self);
}

static void redraw(dashboard *self, const char *id) {
    (void)id;
    screen_redraw(self->screen);
    dashboard_dirty(self);
}

static void suspend(dashboard *self, const char *id) {
    (void)id;
    screen_suspend(self->screen);
    dashboard_dirty(self);
}

static void quit(dashboard *self, const char *id) {
    (void)id;
    dashboard_leave(self);
}

// ---- lists, and what scrolls ----

static size_t page(const dashboard *self) {
    layout_plan plan = dashboard_layout(self);
    if (self->ui.focus == FOCUS_DETAIL)
        return plan.content.height > 1 ? (size_t)plan.content.height - 1 : 1;
    return layout_page(self->ui.pane, &plan);
}

static void scroll_logs(dashboard *self, int64_t delta) {
    ui_logs *logs = &self->ui.logs;
    int64_t position = (int64_t)(logs->follow ? 0 : logs->back) - delta;
    int64_t most = logs->lines.count ? (int64_t)logs->lines.count - 1 : 0;
    logs->back = position < 0 ? 0 : position > most ? (size_t)most : (size_t)position;
    logs->follow = position <= 0;
}

static void scroll_text(const dashboard *self, ui_text *text, int64_t delta) {
    int64_t height = dashboard_layout(self).content.height;
    int64_t most = (int64_t)text->lines > height ? (int64_t)text->lines - height : 0;
    int64_t top = (int64_t)text->top + delta;
    text->top = top < 0 ? 0 : top > most ? (size_t)most : (size_t)top;
}

static void move(dashboard *self, int64_t delta) {
    if (self->ui.focus == FOCUS_LIST) {
        ui_move(&self->ui, &self->model, self->ui.pane, delta);
        dashboard_settle(self);
        return;
    }
    ui_tab tab = self->ui.tabs[self->ui.pane];
    if (tab == TAB_LOGS)
        scroll_logs(self, delta);
    else if (tab == TAB_INSPECT)
        scroll_text(self, &self->ui.inspect, delta);
    else if (tab == TAB_PROCESSES)
        scroll_text(self, &self->ui.processes, delta);
    dashboard_dirty(self);
}

static void down(dashboard *self, const char *id) {
    (void)id;
    move(self, 1);
}

static void up(dashboard *self, const char *id) {
    (void)id;
    move(self, -1);
}

static void first(dashboard *self, const char *id) {
    (void)id;
    move(self, -1000000);
}

static void last(dashboard *self, const char *id) {
    (void)id;
    move(self, 1000000);
}

static void page_down(dashboard *self, const char *id) {
    (void)id;
    move(self, (int64_t)page(self));
}

static void page_up(dashboard *self, const char *id) {
    (void)id;
    move(self, -(int64_t)page(self));
}

static void filter(dashboard *self, const char *id) {
    (void)id;
    bool search = self->ui.focus == FOCUS_DETAIL && ui_noun(&self->ui) == ACTION_NOUN_LOGS;
    self->ui.filtering = true;
    line_edit_set(&self->ui.filter, search ? self->ui.logs.search : self->ui.lists[self->ui.pane].filter);
    dashboard_dirty(self);
}

static void find(dashboard *self, int direction) {
    ui_logs *logs = &self->ui.logs;
    if (!*logs->search || ui_noun(&self->ui) != ACTION_NOUN_LOGS || !logs->lines.count)
        return;
    size_t count = logs->lines.count;
    size_t at = count - 1 - (logs->follow ? 0 : logs->back);
    for (size_t step = 1; step < count; step++) {
        size_t index = direction > 0 ? (at + step) % count : (at + count - step) % count;
        if (!strcasestr(log_buffer_at(&logs->lines, index)->text, logs->search))
            continue;
        logs->follow = false;
        logs->back = count - 1 - index;
        dashboard_dirty(self);
        return;
    }
    ui_set_notice(&self->ui, NOTICE_INFO, "no other line matches");
    dashboard_dirty(self);
}

static void find_next(dashboard *self, const char *id) {
    (void)id;
    find(self, 1);
}

static void find_previous(dashboard *self, const char *id) {
    (void)id;
    find(self, -1);
}

static void sort(dashboard *self, const char *id) {
    (void)id;
    ui_list *list = &self->ui.lists[self->ui.pane];
    list->sort = (list->sort + 1) % SORT_COUNT;
    ui_refresh_list(&self->ui, &self->model, self->ui.pane);
    dashboard_settle(self);
}

static void sort_reverse(dashboard *self, const char *id) {
    (void)id;
    self->ui.lists[self->ui.pane].reverse ^= true;
    ui_refresh_list(&self->ui, &self->model, self->ui.pane);
    dashboard_settle(self);
}

// ---- logs ----

static void follow(dashboard *self, const char *id) {
    (void)id;
    self->ui.logs.follow = !self->ui.logs.follow;
    self->ui.logs.back = 0;
    dashboard_dirty(self);
}

static void wrap(dashboard *self, const char *id) {
    (void)id;
    self->ui.logs.wrap = !self->ui.logs.wrap;
    dashboard_dirty(self);
}

static void timestamps(dashboard *self, const char *id) {
    (void)id;
    self->ui.logs.timestamps = !self->ui.logs.timestamps;
    dashboard_dirty(self);
}

static void boot_log(dashboard *self, const char *id) {
    (void)id;
    self->ui.logs.boot = !self->ui.logs.boot;
    dashboard_detail_stop(self);
    dashboard_settle(self);
}

// ---- containers ----

static void exec_console(dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    if (container && !model_container_running(container)) {
        ui_set_notice(&self->ui, NOTICE_BAD, "it does not run: S starts it");
        dashboard_dirty(self);
    } else if (container) {
        dashboard_console_open(self, container->id, container->name, true, false);
    }
}

static void attach_console(dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    if (container && model_container_running(container))
        dashboard_console_open(self, container->id, container->name, false, false);
}

static void logs(dashboard *self, const char *id) {
    (void)id;
    show_tab(self, TAB_LOGS);
    self->ui.focus = FOCUS_DETAIL;
    self->ui.detail_open = true;
}

static void inspect(dashboard *self, const char *id) {
    (void)id;
    show_tab(self, TAB_INSPECT);
    self->ui.focus = FOCUS_DETAIL;
    self->ui.detail_open = true;
}

static void stats(dashboard *self, const char *id) {
    (void)id;
    show_tab(self, TAB_STATS);
}

static void processes(dashboard *self, const char *id) {
    (void)id;
    show_tab(self, TAB_PROCESSES);
}

static void remove_container(dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    if (!container)
        return;
    char text[512];
    snprintf(text, sizeof(text), "%s  (%s)\n\nLost: its writable layer and its logs.\nStays: the image %s.%s",
             container->name, container->image, container->image,
             model_container_running(container) ? "\n\nIt is running: it will be killed first." : "");
    dashboard_open_confirm(self, action_find("container.rm"), container->id, text);
}

static void kill_container(dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    char text[256];
    if (!container)
        return;
    snprintf(text, sizeof(text), "%s\n\nIts processes end at once, without a chance to tidy up.",
             container->name);
    dashboard_open_confirm(self, action_find("container.kill"), container->id, text);
}

static void renamed(dashboard *self, const char *text) {
    const model_container *container = ui_container(&self->ui, &self->model);
    if (container && *text)
        holm_container_rename(self->client, container->id, text, dashboard_done,
                              dashboard_request(self, container->id, on_applied));
}

static void rename_container(dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    if (container)
        dashboard_open_prompt(self, "rename", NULL, container->name, renamed);
}

static void run(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_run(self, "");
}

// ---- images and tasks ----

static void run_image(dashboard *self, const char *id) {
    const model_image *image = model_find_image(&self->model, id);
    if (image)
        dashboard_open_run(self, image->name);
}

static void pull_entered(dashboard *self, const char *text) {
    if (!*text)
        return;
    history_put(&self->pulls, text);
    dashboard_pull(self, text);
}

static void pull_image(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_prompt(
        self, "pull an image",
        "a name like alpine, debian:12 or ghcr.io/owner/name:tag\nup and down: what was pulled before", "",
        pull_entered);
}

static void remove_image(dashboard *self, const char *id) {
    const model_image *image = model_find_image(&self->model, id);
    if (!image)
        return;
    char text[512], bytes[8];
    snprintf(text, sizeof(text), "%s\n\nLost: %s of layers that no other image has.%s", image->name,
             view_bytes((double)(image->unique ? image->unique : image->size), bytes),
             image->containers ? "\n\nContainers use it: it will be refused until they are deleted." : "");
    dashboard_open_confirm(self, action_find("image.rm"), image->id, text);
}

static void cancel_task(dashboard *self, const char *id) {
    model_task *task = model_find_task(&self->model, id);
    if (!task)
        return;
    if (task->done) { // over: the key tidies it away
        model_remove_task(&self->model, id);
        ui_refresh_list(&self->ui, &self->model, PANE_TASKS);
        dashboard_settle(self);
        return;
    }
    char text[256];
    snprintf(text, sizeof(text), "%s %s\n\nWhat it has brought so far is kept for the next try.", task->kind,
             task->subject);
    dashboard_open_confirm(self, action_find("task.cancel"), task->id, text);
}

static void info(dashboard *self, const char *id) {
    (void)id;
    const model_state *m = &self->model;
    char text[1024];
    snprintf(text, sizeof(text),
             "version      %s\naccelerator  %s\n             %s\nkernel       %s\ncpus         %d",
             m->version ? m->version : "?", m->accelerator ? m->accelerator : "?",
             m->accelerator_reason ? m->accelerator_reason : "", m->kernel ? m->kernel : "?", m->host.cpus);
    dashboard_open_message(self, "this machine", text, false);
}

static const struct {
    const char *name;
    act_function function;
} functions[] = {
    {"view.help", help},
    {"view.palette", palette},
    {"view.menu", menu},
    {"view.next-pane", next_pane},
    {"view.previous-pane", previous_pane},
    {"view.pane-1", pane_containers_focus},
    {"view.pane-2", pane_images_focus},
    {"view.pane-5", pane_tasks_focus},
    {"view.pane-6", open_detail},
    {"view.previous-tab", previous_tab},
    {"view.next-tab", next_tab},
    {"view.zoom", zoom},
    {"view.back", back},
    {"view.mouse", mouse},
    {"view.copy", copy},
    {"view.redraw", redraw},
    {"view.suspend", suspend},
    {"view.quit", quit},
    {"list.down", down},
    {"list.up", up},
    {"list.first", first},
    {"list.last", last},
    {"list.page-down", page_down},
    {"list.page-up", page_up},
    {"list.left", previous_tab},
    {"list.right", next_tab},
    {"list.filter", filter},
    {"list.find-next", find_next},
    {"list.find-previous", find_previous},
    {"list.sort", sort},
    {"list.sort-reverse", sort_reverse},
    {"logs.follow", follow},
    {"logs.wrap", wrap},
    {"logs.timestamps", timestamps},
    {"logs.boot", boot_log},
    {"container.open", open_detail},
    {"container.exec", exec_console},
    {"container.attach", attach_console},
    {"container.logs", logs},
    {"container.inspect", inspect},
    {"container.stats", stats},
    {"container.top", processes},
    {"container.rm", remove_container},
    {"container.kill", kill_container},
    {"container.rename", rename_container},
    {"container.run", run},
    {"image.run", run_image},
    {"image.pull", pull_image},
    {"image.inspect", inspect},
    {"image.rm", remove_image},
    {"task.cancel", cancel_task},
    {"system.info", info},
};

bool dashboard_can(const action *what) {
    for (size_t i = 0; i < array_length(functions); i++)
        if (strcmp(functions[i].name, what->name) == 0)
            return true;
    return what->apply != NULL || what->noun == ACTION_NOUN_CONSOLE;
}

static bool needs_item(const action *what) {
    return what->noun == ACTION_NOUN_CONTAINER ? what->keys != NULL
           : what->noun == ACTION_NOUN_IMAGE   ? strcmp(what->name, "image.pull") != 0
                                               : what->noun == ACTION_NOUN_TASK;
}

// The id behind a reference that was typed: a name, an id, the start of one.
static const char *resolve(const dashboard *self, const action *what, const char *reference) {
    const model_state *m = &self->model;
    size_t length = strlen(reference);
    if (what->noun == ACTION_NOUN_CONTAINER)
        for (size_t i = 0; i < m->container_count; i++)
            if (strcmp(m->containers[i].name, reference) == 0 ||
                (length > 1 && strncmp(m->containers[i].id, reference, length) == 0))
                return m->containers[i].id;
    if (what->noun == ACTION_NOUN_IMAGE)
        for (size_t i = 0; i < m->image_count; i++)
            if (strcmp(m->images[i].name, reference) == 0)
                return m->images[i].id;
    return NULL;
}

static const char *selected_id(const dashboard *self, const action *what) {
    ui_pane pane = what->noun == ACTION_NOUN_CONTAINER ? PANE_CONTAINERS
                   : what->noun == ACTION_NOUN_IMAGE   ? PANE_IMAGES
                                                       : PANE_TASKS;
    return self->ui.lists[pane].selected;
}

void dashboard_act(dashboard *self, const action *what, const char *reference) {
    const char *id = reference          ? resolve(self, what, reference)
                     : needs_item(what) ? selected_id(self, what)
                                        : "";
    if (needs_item(what) && !id) {
        ui_set_notice(&self->ui, NOTICE_BAD, reference ? "there is no such thing" : "nothing is selected");
        dashboard_dirty(self);
        return;
    }
    for (size_t i = 0; i < array_length(functions); i++) {
        if (strcmp(functions[i].name, what->name) == 0) {
            functions[i].function(self, id);
            return;
        }
    }
    if (what->apply)
        dashboard_apply(self, what, id);
    else
        ui_set_notice(&self->ui, NOTICE_INFO, "this one is for the command line: holm --help");
    dashboard_dirty(self);
}
