// The consoles that are open, and which one has the keys.
#include <string.h>

#include "tui/dashboard_private.h"

static void sync_views(dashboard *self) {
    ui_console **views = realloc(self->ui.consoles, (self->console_count + 1) * sizeof(*views));
    if (!views)
        abort();
    for (size_t i = 0; i < self->console_count; i++)
        views[i] = console_view(self->consoles[i]);
    self->ui.consoles = views;
    self->ui.console_count = self->console_count;
    if (self->ui.console >= self->console_count)
        self->ui.console = self->console_count ? self->console_count - 1 : 0;
}

// True: another one has the keys now.
static bool drop(dashboard *self, size_t index) {
    bool goes_on = dashboard_split_lose(self, console_view(self->consoles[index]));
    const ui_console *now = ui_selected_console(&self->ui, &self->model);
    console_close(self->consoles[index]);
    memmove(&self->consoles[index], &self->consoles[index + 1],
            (self->console_count - index - 1) * sizeof(*self->consoles));
    self->console_count--;
    sync_views(self);
    for (size_t i = 0; goes_on && i < self->console_count; i++)
        if (self->ui.consoles[i] == now)
            self->ui.console = i;
    return goes_on;
}

console *dashboard_console(dashboard *self) {
    const ui_console *selected = ui_selected_console(&self->ui, &self->model);
    for (size_t i = 0; i < self->console_count; i++)
        if (console_view(self->consoles[i]) == selected)
            return self->consoles[i];
    return NULL;
}

console *dashboard_console_at(dashboard *self, int x, int y) {
    layout_plan plan = dashboard_layout(self);
    for (size_t i = 0; plan.halves[0].width && i < self->console_count; i++)
        for (int half = 0; half < 2; half++)
            if (console_view(self->consoles[i]) == self->ui.split[half] &&
                rect_holds(&plan.halves[half], x, y))
                return self->consoles[i];
    bool shown = self->ui.pane == PANE_CONTAINERS && self->ui.tabs[PANE_CONTAINERS] == TAB_CONSOLE;
    return shown && rect_holds(&plan.content, x, y) ? dashboard_console(self) : NULL;
}

static void on_changed(console *which, void *data) {
    dashboard *self = data;
    if (console_view(which)->ended) { // what it waited for will not come
        model_container *container = model_find_container(&self->model, console_view(which)->container_id);
        if (container)
            container->pending = false;
        dashboard_list(self, PANE_CONTAINERS);
    }
    // One that nobody sees is not a reason to draw.
    if (dashboard_console_visible(self, console_view(which)))
        dashboard_dirty(self);
}

static void on_left(console *which, void *data) {
    dashboard *self = data;
    bool goes_on = false;
    for (size_t i = 0; i < self->console_count; i++) {
        if (self->consoles[i] == which && console_view(which)->ended) {
            goes_on = drop(self, i);
            break;
        }
    }
    if (!goes_on) {
        self->ui.focus = FOCUS_LIST;
        self->ui.zoom = false;
        self->ui.detail_open = false;
    }
    dashboard_settle(self);
}

static void on_zoom(console *which, void *data) {
    (void)which;
    dashboard *self = data;
    self->ui.zoom = !self->ui.zoom;
    dashboard_dirty(self);
}

static void on_copy(console *which, const char *text, void *data) {
    (void)which;
    dashboard *self = data;
    dashboard_copy(self, text, "copied to the clipboard");
}

static void on_next(console *which, void *data) {
    (void)which;
    dashboard_console_next(data);
}

static void on_split(console *which, void *data) {
    (void)which;
    dashboard_console_split(data);
}

static void on_other(console *which, void *data) {
    (void)which;
    dashboard_console_other(data);
}

static const console_events events = {.changed = on_changed,
                                      .left = on_left,
                                      .zoom = on_zoom,
                                      .next = on_next,
                                      .split = on_split,
                                      .other = on_other,
                                      .copy = on_copy};

static void show_consoles(dashboard *self, const char *id) {
    dashboard_go_to(self, PANE_CONTAINERS, id);
    self->ui.tabs[PANE_CONTAINERS] = TAB_CONSOLE;
    self->ui.focus = FOCUS_CONSOLE;
    self->ui.detail_open = true;
}

void dashboard_console_enter(dashboard *self) {
    if (!dashboard_console(self))
        return;
    self->ui.tabs[PANE_CONTAINERS] = TAB_CONSOLE;
    self->ui.focus = FOCUS_CONSOLE;
    self->ui.detail_open = true;
    ui_split_use(&self->ui, ui_selected_console(&self->ui, &self->model));
    dashboard_dirty(self);
}

void dashboard_console_use(dashboard *self, size_t index) {
    if (index >= self->ui.console_count)
        return;
    show_consoles(self, self->ui.consoles[index]->container_id);
    self->ui.console = index;
    ui_split_use(&self->ui, self->ui.consoles[index]);
    dashboard_settle(self);
}

// Of two side by side, each goes through all that are open but the other one.
static bool comes_next(const dashboard *self, const ui_console *now, const ui_console *candidate) {
    if (!ui_is_split(&self->ui, &self->model))
        return strcmp(candidate->container_id, now->container_id) == 0;
    return candidate != self->ui.split[!self->ui.half];
}

void dashboard_console_next(dashboard *self) {
    const ui_console *now = ui_selected_console(&self->ui, &self->model);
    for (size_t i = 0; now && i < self->console_count; i++) {
        size_t from = 0;
        while (self->ui.consoles[from] != now)
            from++;
        size_t at = (from + 1 + i) % self->console_count;
        if (!comes_next(self, now, self->ui.consoles[at]))
            continue;
        dashboard_console_use(self, at);
        break;
    }
    dashboard_dirty(self);
}

static const char *detach_keys(const dashboard *self, const char *id) {
    const model_container *container = model_find_container(&self->model, id);
    const json_t *own = container ? json_object_get(container->document, "configuration") : NULL;
    if (json_is_string(json_object_get(own, "detachKeys")))
        return json_string_value(json_object_get(own, "detachKeys"));
    const char *keys = json_string_value(holm_configuration_get(self->client, "console.detach-keys"));
    return keys ? keys : "ctrl-p,ctrl-q";
}

static void open_console(dashboard *self, console_options options) {
    rect content = dashboard_layout(self).content;
    options.columns = content.width > 2 ? content.width : 80;
    options.rows = content.height > 0 ? content.height : 24;
    options.detach_keys = detach_keys(self, options.container_id);
    console **consoles = realloc(self->consoles, (self->console_count + 1) * sizeof(*consoles));
    if (!consoles)
        abort();
    self->consoles = consoles;
    consoles[self->console_count++] = console_open(self->client, self->loop, &options, &events, self);
    self->ui.console = self->console_count - 1;
    sync_views(self);
    ui_split_use(&self->ui, self->ui.consoles[self->ui.console]);
    dashboard_dirty(self);
}

void dashboard_console_open(dashboard *self, const char *id, const char *name, bool exec, bool start) {
    show_consoles(self, id);
    open_console(self,
                 (console_options){.container_id = id, .container_name = name, .exec = exec, .start = start});
}

static bool is_open(const dashboard *self, const char *id, const char *session) {
    for (size_t i = 0; i < self->console_count; i++)
        if (strcmp(self->ui.consoles[i]->container_id, id) == 0 &&
            strcmp(self->ui.consoles[i]->label, session) == 0)
            return true;
    return false;
}

void dashboard_console_join(dashboard *self, const char *id, const char *session) {
    const model_container *container = model_find_container(&self->model, id);
    if (container && !is_open(self, id, session))
        open_console(self, (console_options){
                               .container_id = id, .container_name = container->name, .session = session});
}

// The sessions of an earlier dashboard (or of `exec`) that still run and have a terminal.
static void on_sessions(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    const model_container *container = model_find_container(&self->model, id);
    size_t i, opened = 0;
    json_t *item;
    if (error || !container) {
        if (error)
            dashboard_report(self, "sessions", error);
        return;
    }
    json_array_foreach (result, i, item) {
        const char *name = json_string_value(json_object_get(item, "name"));
        if (!name || !json_is_true(json_object_get(item, "running")) ||
            !json_is_true(json_object_get(item, "terminal")) || is_open(self, id, name))
            continue;
        if (!opened++)
            show_consoles(self, id);
        dashboard_console_join(self, id, name);
    }
    if (!opened)
        ui_set_notice(&self->ui, NOTICE_INFO, "no other session with a terminal runs in it");
    dashboard_dirty(self);
}

void dashboard_consoles_reopen(dashboard *self, const char *id) {
    holm_container_sessions(self->client, id, dashboard_done, dashboard_request(self, id, on_sessions));
}

void dashboard_consoles_flush(dashboard *self) {
    for (size_t i = 0; i < self->console_count; i++)
        console_flush(self->consoles[i]);
}

void dashboard_consoles_resize(dashboard *self) {
    layout_plan plan = dashboard_layout(self);
    console *selected = self->ui.tabs[PANE_CONTAINERS] == TAB_CONSOLE ? dashboard_console(self) : NULL;
    rect content = plan.content;
    for (size_t i = 0; plan.halves[0].width && i < self->console_count; i++) {
        int half = console_view(self->consoles[i]) == self->ui.split[1];
        if (console_view(self->consoles[i]) != self->ui.split[half])
            continue;
        rect inside = rect_inset(plan.halves[half], 1, 1);
        console_resize(self->consoles[i], inside.width, inside.height);
    }
    if (selected && content.width > 0)
        console_resize(selected, content.width, content.height);
}

void dashboard_consoles_sweep(dashboard *self) {
    for (size_t i = self->console_count; i-- > 0;)
        if (self->ui.consoles[i]->ended &&
            !model_find_container(&self->model, self->ui.consoles[i]->container_id))
            drop(self, i);
}

void dashboard_consoles_close(dashboard *self) {
    while (self->console_count)
        drop(self, self->console_count - 1);
    free(self->consoles);
    self->consoles = NULL;
}
