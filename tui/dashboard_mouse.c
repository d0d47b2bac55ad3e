// The mouse: what a click is on, lines and scroll bars that are dragged, the wheel, the menu at the pointer.
#include <string.h>

#include "tui/dashboard_private.h"

enum { BUTTON_LEFT = 0, BUTTON_RIGHT = 2, BUTTON_MOTION = 32, BUTTON_WHEEL = 64 };

#define WHEEL_LINES 3

// What can be clicked is known where it is drawn: a frame that nobody sees tells.
static void find_targets(const dashboard *self, view_targets *out) {
    grid unseen = {0};
    view_context view = dashboard_view(self);
    out->count = 0;
    view.targets = out;
    grid_resize(&unseen, self->frame.columns, self->frame.rows);
    view_draw(&view, &unseen);
    grid_finish(&unseen);
}

// ---- dragging ----

static void scroll_list(dashboard *self, ui_pane pane, size_t top, size_t page) {
    ui_list *list = &self->ui.lists[pane];
    size_t index = list->index;
    list->top = top;
    index = index < top ? top : index >= top + page ? top + page - 1 : index;
    ui_select(&self->ui, &self->model, pane, index);
    dashboard_settle(self);
}

static void scroll_overlay(dashboard *self, size_t top, size_t page) {
    ui_overlay *overlay = &self->ui.overlay;
    if (overlay->kind == OVERLAY_HELP || overlay->kind == OVERLAY_DOCTOR ||
        overlay->kind == OVERLAY_CONFIRM || overlay->kind == OVERLAY_MESSAGE)
        overlay->top = top;
    else // what is selected is in sight: at the end of what is shown
        overlay->choice = top ? top + page - 1 : 0;
    dashboard_dirty(self);
}

static void drag_scroll(dashboard *self, const input_event *event) {
    view_targets targets;
    find_targets(self, &targets);
    const view_target *bar = view_target_at(&targets, self->drag.x, self->drag.y);
    if (!bar || bar->kind != TARGET_SCROLL)
        return;
    size_t top = view_scroll_top(bar, event->y - self->drag.grip - bar->area.y);
    layout_plan plan = dashboard_layout(self);
    if (self->ui.overlay.kind != OVERLAY_NONE) {
        scroll_overlay(self, top, bar->page);
        return;
    }
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++) {
        if (rect_holds(&plan.panes[pane], bar->area.x - 1, bar->area.y)) {
            scroll_list(self, pane, top, bar->page);
            return;
        }
    }
    dashboard_scroll(self, (int64_t)top - (int64_t)bar->item);
}

static void drag(dashboard *self, const input_event *event) {
    if (self->drag.scroll) {
        drag_scroll(self, event);
        return;
    }
    if (!self->drag.moved && event->x == self->drag.x && event->y == self->drag.y)
        return;
    layout_plan plan = dashboard_layout(self);
    self->drag.moved = true;
    layout_line_move(&self->ui, &plan, self->drag.line, self->drag.band, event->x, event->y);
    dashboard_settle(self);
}

// A press on the bar beside its mark brings the mark's middle there.
static void take_scroll(dashboard *self, const view_target *bar, const input_event *event) {
    int size, at = view_scroll_mark(bar, &size), row = event->y - bar->area.y;
    self->drag.scroll = true;
    self->drag.grip = row >= at && row < at + size ? row - at : size / 2;
    if (row < at || row >= at + size)
        drag_scroll(self, event);
}

// ---- clicks ----

static void sort_by(dashboard *self, ui_pane pane, int column) {
    ui_list *list = &self->ui.lists[pane];
    if (!ui_kind(pane)->columns[column].compare)
        return;
    ui_use_pane(&self->ui, pane);
    list->reverse = list->sort == column + 1 && !list->reverse;
    list->sort = column + 1;
    dashboard_sorted(self);
}

// False: the place stands for nothing in particular.
static bool click_target(dashboard *self, const view_target *target) {
    char pane[24];
    switch (target->kind) {
    case TARGET_TAB:
        if (self->ui.focus == FOCUS_CONSOLE)
            self->ui.focus = FOCUS_DETAIL;
        dashboard_show_tab(self, (ui_tab)target->which);
        return true;
    case TARGET_PANE:
        snprintf(pane, sizeof(pane), "view.pane-%d", target->which + 1);
        dashboard_act(self, action_find(pane), NULL);
        return true;
    case TARGET_COLUMN:
        sort_by(self, (ui_pane)target->which, (int)target->item);
        return true;
    case TARGET_ACTION:
        dashboard_act(self, target->action, NULL);
        return true;
    case TARGET_KEY:
        dashboard_key(self, &(input_event){.key = (uint32_t)target->which});
        return true;
    case TARGET_CHOICE:
        self->ui.overlay.choice = target->item;
        dashboard_choose(self);
        return true;
    default:
        return false;
    }
}

// On a row of a list, or on the detail.
static void click_place(dashboard *self, const input_event *event) {
    layout_plan plan = dashboard_layout(self);
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++) {
        if (!rect_holds(&plan.panes[pane], event->x, event->y))
            continue;
        int row = event->y - plan.panes[pane].y - layout_head_rows(pane);
        size_t index = self->ui.lists[pane].top + (size_t)(row < 0 ? 0 : row / layout_item_rows(pane, &plan));
        ui_use_pane(&self->ui, pane);
        self->ui.focus = FOCUS_LIST;
        if (index < self->ui.lists[pane].count)
            ui_select(&self->ui, &self->model, pane, index);
        dashboard_settle(self);
        return;
    }
    if (rect_holds(&plan.content, event->x, event->y) && ui_in_files(&self->ui)) {
        dashboard_files_click(self, event->y - plan.content.y);
    } else if (rect_holds(&plan.content, event->x, event->y) && self->ui.focus == FOCUS_LIST) {
        self->ui.focus = FOCUS_DETAIL;
        if (self->ui.tabs[self->ui.pane] == TAB_CONSOLE)
            dashboard_console_enter(self);
        dashboard_dirty(self);
    }
}

static void click(dashboard *self, const input_event *event) {
    view_targets targets;
    find_targets(self, &targets);
    const view_target *target = view_target_at(&targets, event->x, event->y);
    if (!target || !click_target(self, target))
        click_place(self, event);
}

static void open_menu(dashboard *self, const input_event *event) {
    click_place(self, event);
    dashboard_open_palette(self, true);
    self->ui.overlay.placed = true;
    self->ui.overlay.x = event->x;
    self->ui.overlay.y = event->y;
}

static void press(dashboard *self, const input_event *event) {
    view_targets targets;
    layout_plan plan = dashboard_layout(self);
    find_targets(self, &targets);
    const view_target *target = view_target_at(&targets, event->x, event->y);
    memset(&self->drag, 0, sizeof(self->drag));
    self->drag.x = event->x;
    self->drag.y = event->y;
    if (target && target->kind == TARGET_SCROLL) {
        take_scroll(self, target, event);
        return;
    }
    self->drag.line = layout_line_at(&plan, event->x, event->y, &self->drag.band);
    if (plan.halves[0].width && rect_holds(&plan.halves[!self->ui.half], event->x, event->y))
        dashboard_console_other(self);
    else if (self->drag.line == LINE_NONE)
        click(self, event);
}

// A line that was taken and not moved was clicked on, for what is written there.
static void release(dashboard *self, const input_event *event) {
    bool clicked = self->drag.line != LINE_NONE && !self->drag.moved;
    memset(&self->drag, 0, sizeof(self->drag));
    if (clicked)
        click(self, event);
}

// ---- the wheel, and what lies on top ----

static void wheel(dashboard *self, const input_event *event) {
    layout_plan plan = dashboard_layout(self);
    int delta = event->button & 1 ? WHEEL_LINES : -WHEEL_LINES;
    console *under = dashboard_console_at(self, event->x, event->y);
    if (under) {
        console_scroll(under, delta);
        return;
    }
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++) {
        if (rect_holds(&plan.panes[pane], event->x, event->y)) {
            ui_move(&self->ui, &self->model, pane, delta);
            dashboard_settle(self);
            return;
        }
    }
    if (rect_holds(&plan.content, event->x, event->y))
        dashboard_scroll(self, delta);
}

static bool closes_beside(ui_overlay_kind kind) {
    return kind == OVERLAY_HELP || kind == OVERLAY_PALETTE || kind == OVERLAY_CHOICES ||
           kind == OVERLAY_MESSAGE || kind == OVERLAY_DOCTOR;
}

static void overlay_press(dashboard *self, const input_event *event) {
    view_targets targets;
    find_targets(self, &targets);
    const view_target *target = view_target_at(&targets, event->x, event->y);
    memset(&self->drag, 0, sizeof(self->drag));
    self->drag.x = event->x;
    self->drag.y = event->y;
    if (target && target->kind == TARGET_SCROLL)
        take_scroll(self, target, event);
    else if (target)
        click_target(self, target);
    else if (closes_beside(self->ui.overlay.kind))
        dashboard_overlay_key(self, &(input_event){.key = INPUT_ESCAPE});
}

static void overlay_wheel(dashboard *self, const input_event *event) {
    ui_overlay_kind kind = self->ui.overlay.kind;
    if (kind != OVERLAY_CONFIRM && !closes_beside(kind))
        return;
    for (int i = 0; i < WHEEL_LINES; i++)
        dashboard_overlay_key(self, &(input_event){.key = event->button & 1 ? INPUT_DOWN : INPUT_UP});
}

void dashboard_mouse(dashboard *self, const input_event *event) {
    bool on_top = self->ui.overlay.kind != OVERLAY_NONE, motion = event->button & BUTTON_MOTION;
    bool taken = self->drag.scroll || self->drag.line != LINE_NONE;
    rect content = dashboard_layout(self).content;
    if (taken && motion) {
        drag(self, event);
    } else if (taken && !event->pressed) {
        release(self, event);
    } else if (!on_top && self->ui.focus == FOCUS_CONSOLE && dashboard_console(self) &&
               rect_holds(&content, event->x, event->y)) {
        console_key(dashboard_console(self), event, &content);
    } else if (event->button & BUTTON_WHEEL) {
        on_top ? overlay_wheel(self, event) : wheel(self, event);
    } else if (!event->pressed || motion) {
        return;
    } else if (event->button == BUTTON_LEFT) {
        on_top ? overlay_press(self, event) : press(self, event);
    } else if (event->button == BUTTON_RIGHT && !on_top) {
        open_menu(self, event);
    }
}
