// From a key to the action it means here.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"
#include "tui/text_search.h"

static const char *base_name(uint32_t key, char out[24]) {
    static const char *const special[] = {"up",  "down",   "left",     "right",  "home",
                                          "end", "pageup", "pagedown", "insert", "delete"};
    if (key >= INPUT_FUNCTION_1 && key <= INPUT_FUNCTION_12) {
        snprintf(out, 24, "f%u", (unsigned)(key - INPUT_FUNCTION_1 + 1));
        return out;
    }
    if (key >= INPUT_UP)
        return key - INPUT_UP < array_length(special) ? special[key - INPUT_UP] : "";
    switch (key) {
    case ' ':
        return "space";
    case INPUT_ENTER:
    case '\n':
        return "enter";
    case INPUT_ESCAPE:
        return "esc";
    case INPUT_TAB:
        return "tab";
    case INPUT_BACKSPACE:
        return "backspace";
    default:
        if (key < 0x20)
            snprintf(out, 24, "ctrl-%c", (char)(key + 0x60));
        else
            out[cell_utf8_encode(key, out)] = 0;
        return out;
    }
}

const char *dashboard_key_name(const input_event *event, char out[24]) {
    char base[24];
    const char *name = base_name(event->key, base);
    if (event->key == INPUT_TAB && event->modifiers & INPUT_SHIFT)
        name = "backtab";
    if (!*name)
        return "";
    snprintf(out, 24, "%s%s%.12s", event->modifiers & INPUT_CONTROL ? "ctrl-" : "",
             event->modifiers & INPUT_ALT ? "alt-" : "", name);
    return out;
}

static void filter_changed(dashboard *self) {
    if (self->ui.focus == FOCUS_DETAIL && ui_noun(&self->ui) == ACTION_NOUN_LOGS) {
        snprintf(self->ui.logs.search, sizeof(self->ui.logs.search), "%.*s", UI_FILTER_SIZE - 1,
                 self->ui.filter.text);
        return;
    }
    ui_text *text = ui_focused_text(&self->ui);
    if (text) {
        snprintf(text->search, sizeof(text->search), "%.*s", UI_FILTER_SIZE - 1, self->ui.filter.text);
        text_search_go(text, 0);
        return;
    }
    if (ui_in_files(&self->ui)) {
        file_list_set_filter(&self->ui.files.list, self->ui.filter.text);
        return;
    }
    ui_list *list = &self->ui.lists[self->ui.pane];
    snprintf(list->filter, sizeof(list->filter), "%.*s", UI_FILTER_SIZE - 1, self->ui.filter.text);
    ui_refresh_list(&self->ui, &self->model, self->ui.pane);
}

bool dashboard_is_search(dashboard *self) {
    return ui_focused_text(&self->ui) ||
           (self->ui.focus == FOCUS_DETAIL && ui_noun(&self->ui) == ACTION_NOUN_LOGS);
}

// Filters as it is typed; enter keeps it, escape takes it away. To search for nothing is to search on for
// what it was.
static void filter_key(dashboard *self, const input_event *event) {
    if (event->key == INPUT_ESCAPE) {
        line_edit_set(&self->ui.filter, "");
        self->ui.filtering = false;
    } else if (event->key == INPUT_ENTER) {
        self->ui.filtering = false;
        dashboard_dirty(self);
        if (!self->ui.filter.length && dashboard_is_search(self))
            return;
    } else if (event->key == INPUT_UP || event->key == INPUT_DOWN) {
        dashboard_move(self, event->key == INPUT_UP ? -1 : 1);
    } else if (!line_edit_key(&self->ui.filter, event)) {
        return;
    }
    filter_changed(self);
    dashboard_settle(self);
}

// The keys of what is in focus come first, then those of the container shown, then those for everywhere.
static const action *look_up(const dashboard *self, const char *name) {
    action_noun noun = ui_noun(&self->ui);
    const action *what = action_keymap_look_up(self->keymap, noun, true, name);
    if (what && noun == ACTION_NOUN_FILES && what->noun == ACTION_NOUN_LIST && !dashboard_files_take(what))
        what = NULL;
    if (!what && noun == ACTION_NOUN_LOGS)
        what = action_keymap_look_up(self->keymap, ACTION_NOUN_CONTAINER, true, name);
    if (what)
        return what;
    return action_keymap_look_up_everywhere(self->keymap, name);
}

void dashboard_key(dashboard *self, const input_event *event) {
    char name[24];
    if (event->key == INPUT_FOCUS_IN || event->key == INPUT_FOCUS_OUT)
        return;
    if (event->key == INPUT_MOUSE) {
        dashboard_mouse(self, event);
        return;
    }
    if (self->ui.overlay.kind != OVERLAY_NONE) {
        dashboard_overlay_key(self, event);
        return;
    }
    if (self->ui.notice) {
        ui_set_notice(&self->ui, NOTICE_NONE, NULL);
        dashboard_dirty(self);
    }
    if (self->ui.focus == FOCUS_CONSOLE) {
        rect content = dashboard_layout(self).content;
        console *open = dashboard_console(self);
        const action *own =
            action_keymap_look_up(self->keymap, ACTION_NOUN_CONSOLE, false, dashboard_key_name(event, name));
        if (open && own) {
            dashboard_act(self, own, NULL);
            return;
        }
        if (open) {
            console_key(open, event, &content);
            return;
        }
        self->ui.focus = FOCUS_LIST; // its container is gone
        dashboard_dirty(self);
        return;
    }
    if (self->ui.filtering) {
        filter_key(self, event);
        return;
    }
    const action *what = look_up(self, dashboard_key_name(event, name));
    if (what)
        dashboard_act(self, what, NULL);
}
