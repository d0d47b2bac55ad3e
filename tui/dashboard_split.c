// Two consoles side by side.
#include "tui/dashboard_private.h"

static size_t index_of(const dashboard *self, const ui_console *view) {
    size_t at = 0;
    while (at < self->ui.console_count && self->ui.consoles[at] != view)
        at++;
    return at;
}

bool dashboard_console_visible(const dashboard *self, const ui_console *view) {
    if (self->ui.tabs[PANE_CONTAINERS] != TAB_CONSOLE)
        return false;
    if (ui_selected_console(&self->ui, &self->model) == view)
        return true;
    return (self->ui.split[0] == view || self->ui.split[1] == view) && dashboard_layout(self).halves[0].width;
}

static void unsplit(dashboard *self) {
    self->ui.split[0] = self->ui.split[1] = NULL;
    self->ui.half = 0;
    dashboard_dirty(self);
}

bool dashboard_split_lose(dashboard *self, const ui_console *view) {
    ui_console **split = self->ui.split;
    if (split[0] != view && split[1] != view)
        return false;
    const ui_console *rest = split[split[0] == view];
    bool had_keys = self->ui.focus == FOCUS_CONSOLE;
    unsplit(self);
    if (had_keys && rest && rest != view)
        dashboard_console_use(self, index_of(self, rest));
    return had_keys;
}

// The one that was opened last, of those that are not this one.
static ui_console *another(const dashboard *self, const ui_console *than) {
    for (size_t i = self->ui.console_count; i-- > 0;)
        if (self->ui.consoles[i] != than)
            return self->ui.consoles[i];
    return NULL;
}

void dashboard_console_split(dashboard *self) {
    ui_state *ui = &self->ui;
    ui_console *now = ui_selected_console(ui, &self->model);
    const model_container *container = ui_container(ui, &self->model);
    if (!now)
        return;
    if (ui_is_split(ui, &self->model)) {
        unsplit(self);
        return;
    }
    if (self->frame.columns < LAYOUT_SPLIT_COLUMNS) {
        ui_set_notice(ui, NOTICE_INFO, "two consoles side by side want 140 columns");
        dashboard_dirty(self);
        return;
    }
    ui_console *other = another(self, now);
    ui->zoom = false;
    if (other) {
        ui->split[0] = now;
        ui->split[1] = other;
        ui->half = 0;
    } else if (model_container_running(container)) { // the new one takes the right half
        ui->split[0] = ui->split[1] = now;
        ui->half = 1;
        dashboard_console_open(self, container->id, container->name, true, false);
        ui->split[0] = now;
    }
    dashboard_dirty(self);
}

void dashboard_console_other(dashboard *self) {
    if (!ui_is_split(&self->ui, &self->model))
        return;
    dashboard_console_use(self, index_of(self, self->ui.split[!self->ui.half]));
}
