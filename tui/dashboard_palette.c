// The palette beyond its list of actions: the names of what an action can be for, and what was typed before.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

bool dashboard_is_menu(const dashboard *self) {
    return self->ui.overlay.kind == OVERLAY_PALETTE && strcmp(self->ui.overlay.title, "command") != 0;
}

// ---- names ----

// Whether the action can be for this thing as it is.
static bool fits(const dashboard *self, const action *what, const list_kind *kind, const void *item) {
    const model_container *container =
        what->noun == ACTION_NOUN_CONTAINER ? model_find_container(&self->model, kind->id(item)) : NULL;
    if (!container)
        return true;
    bool running = model_container_running(container);
    return !(what->flags & ACTION_RUNNING && !running) && !(what->flags & ACTION_STOPPED && running);
}

/// What has been found so far; those that begin alike are gone through once.
typedef struct names_found {
    const char *first;
    size_t count, common; ///< common: bytes that all begin with
    FILE *list;
} names_found;

static void take_name(names_found *self, const char *name) {
    if (!self->count++) {
        self->first = name;
        self->common = strlen(name);
    }
    while (strncmp(self->first, name, self->common) != 0)
        self->common--;
    if (self->count <= 12)
        fprintf(self->list, "%s%s", self->count > 1 ? "  " : "", name);
}

static void find_names(const dashboard *self, const action *what, const char *begun, names_found *found) {
    const list_kind *kind = dashboard_kind(what->noun);
    size_t count = 0;
    const char *items = kind ? kind->items(&self->model, &count) : NULL;
    for (size_t i = 0; i < count; i++, items += kind->item_size)
        if (strncmp(kind->title(items), begun, strlen(begun)) == 0 && fits(self, what, kind, items))
            take_name(found, kind->title(items));
}

static const action *current(const dashboard *self) {
    const ui_overlay *overlay = &self->ui.overlay;
    const action *what =
        overlay->choice < overlay->choice_count ? overlay->choices[overlay->choice].action : NULL;
    return what && action_is_about_items(what->noun) && !(what->flags & ACTION_NO_ITEM) ? what : NULL;
}

// The name that is being typed behind the action; NULL: none is.
static const char *name_begun(const dashboard *self, const action *what) {
    const char *text = self->ui.overlay.input.text;
    size_t used = dashboard_described(what, text);
    return used && text[used] ? text + used + strspn(text + used, " ") : NULL;
}

// Below what is typed stand the names that it can go on with. Returns how it goes on (the caller frees it).
static char *look(dashboard *self) {
    ui_overlay *overlay = &self->ui.overlay;
    const action *what = current(self);
    const char *begun = what ? name_begun(self, what) : NULL;
    free(overlay->text);
    overlay->text = NULL;
    if (!begun)
        return NULL;
    char *text = NULL, *whole = NULL;
    size_t length;
    names_found found = {.list = open_memstream(&text, &length)};
    if (!found.list)
        abort();
    find_names(self, what, begun, &found);
    if (!found.count)
        fprintf(found.list, "no %s begins like that", action_noun_name(what->noun));
    fclose(found.list);
    overlay->text = text;
    if (found.count && asprintf(&whole, "%.*s%.*s", (int)(begun - overlay->input.text), overlay->input.text,
                                (int)found.common, found.first) < 0)
        abort();
    return whole;
}

void dashboard_palette_look(dashboard *self) {
    free(dashboard_is_menu(self) ? NULL : look(self));
}

// Behind a whole name there is nothing more to say; behind an action comes a name.
static void complete(dashboard *self) {
    ui_overlay *overlay = &self->ui.overlay;
    const action *what = current(self);
    cleanup_free char *whole = look(self);
    char text[96];
    if (!whole && what && !name_begun(self, what)) {
        snprintf(text, sizeof(text), "%s %s ", action_noun_name(what->noun), what->title);
        line_edit_set(&overlay->input, text);
    } else if (whole) {
        line_edit_set(&overlay->input, whole);
    }
    dashboard_fill_choices(self);
}

// ---- what was typed before ----

void dashboard_palette_keep(dashboard *self, const action *what) {
    char text[96];
    snprintf(text, sizeof(text), "%s %s", action_noun_name(what->noun), what->title);
    if (!dashboard_is_menu(self))
        history_put(&self->commands, self->ui.overlay.input.length ? self->ui.overlay.input.text : text);
}

static bool step(dashboard *self, int direction) {
    const char *entry = history_step(&self->commands, direction);
    if (!entry)
        return false;
    line_edit_set(&self->ui.overlay.input, entry);
    dashboard_fill_choices(self);
    return true;
}

// Up from the first choice goes back in what was typed before, and down forward again.
bool dashboard_palette_key(dashboard *self, const input_event *event) {
    if (dashboard_is_menu(self) || self->ui.overlay.kind != OVERLAY_PALETTE)
        return false;
    bool taken = true, first = self->ui.overlay.choice == 0;
    if (event->key == INPUT_TAB)
        complete(self);
    else if (event->key == INPUT_UP && first)
        step(self, -1);
    else if (event->key == INPUT_DOWN && first && self->commands.at < self->commands.count)
        step(self, 1);
    else
        taken = false;
    if (taken)
        dashboard_dirty(self);
    return taken;
}
