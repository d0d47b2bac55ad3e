// Choosing from a list of names: columns, groups, themes.
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

#define MOST_NAMES 128

typedef struct name_list {
    char *names[MOST_NAMES];
    size_t count;
} name_list;

static void add_name(name_list *self, const char *name) {
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->names[i], name) == 0)
            return;
    if (self->count < MOST_NAMES)
        self->names[self->count++] = strdup(name);
}

static void names_finish(name_list *self) {
    for (size_t i = 0; i < self->count; i++)
        free(self->names[i]);
}

// ---- columns ----

static void open_columns(dashboard *self, size_t at);

static void column_chosen(dashboard *self, const char *label) {
    ui_list *list = &self->ui.lists[self->ui.pane];
    const list_kind *kind = ui_kind(self->ui.pane);
    int column = list_column_find(kind, label + strcspn(label, "]") + 2);
    if (column < 0)
        return;
    uint32_t bits = (list->columns ? list->columns : list_usual_columns(kind)) ^ 1u << column;
    list->columns = bits == list_usual_columns(kind) ? 0 : bits;
    open_columns(self, (size_t)column);
}

static void open_columns(dashboard *self, size_t at) {
    const list_kind *kind = ui_kind(self->ui.pane);
    const ui_list *list = &self->ui.lists[self->ui.pane];
    uint32_t shown = list->columns ? list->columns : list_usual_columns(kind);
    name_list names = {0};
    for (size_t i = 0; i < kind->column_count; i++) {
        char label[64];
        snprintf(label, sizeof(label), "[%c] %s", shown & 1u << i ? 'x' : ' ', kind->columns[i].name);
        add_name(&names, label);
    }
    dashboard_open_choices(self, "columns", names.names, names.count, column_chosen, NULL);
    self->ui.overlay.choice = at;
    names_finish(&names);
}

void dashboard_open_columns(dashboard *self) {
    open_columns(self, 0);
}

// ---- groups ----

static void group_chosen(dashboard *self, const char *label) {
    ui_list *list = &self->ui.lists[self->ui.pane];
    snprintf(list->group, sizeof(list->group), "%.63s", strcmp(label, "not at all") == 0 ? "" : label);
    ui_refresh_list(&self->ui, &self->model, self->ui.pane);
    dashboard_settle(self);
}

void dashboard_open_groups(dashboard *self) {
    const list_kind *kind = ui_kind(self->ui.pane);
    name_list names = {0};
    add_name(&names, "not at all");
    if (kind->group) {
        add_name(&names, "network");
        add_name(&names, "image");
        add_name(&names, "state");
    }
    size_t count;
    const char *items = kind->items(&self->model, &count);
    for (size_t i = 0; i < count; i++, items += kind->item_size) {
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)list_labels(kind, items), key, value) {
            cleanup_free char *safe = holm_text_escape(key, strlen(key));
            char label[64];
            snprintf(label, sizeof(label), "#%.60s", safe);
            add_name(&names, label);
        }
    }
    dashboard_open_choices(self, "group by", names.names, names.count, group_chosen, NULL);
    names_finish(&names);
}

// ---- themes ----

static bool try_theme(dashboard *self, const char *name) {
    cleanup_error holm_error *error = NULL;
    theme_table theme;
    if (theme_load(name, holm_configuration_directory(self->client), holm_share_directory(self->client),
                   screen_colors(self->screen), &theme, &error) < 0) {
        dashboard_report(self, "theme", error);
        return false;
    }
    self->theme = theme;
    dashboard_dirty(self);
    return true;
}

static void theme_chosen(dashboard *self, const char *name) {
    if (try_theme(self, name))
        snprintf(self->theme_name, sizeof(self->theme_name), "%.63s", name);
}

static void theme_moved(dashboard *self, const char *name) {
    if (name)
        try_theme(self, name);
    else
        dashboard_choose_theme(self); // left without a choice: as it was
}

static void themes_in(name_list *names, const char *directory) {
    char path[512];
    snprintf(path, sizeof(path), "%s/themes", directory);
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        size_t length = strlen(entry->d_name);
        if (length > 5 && length < 64 && strcmp(entry->d_name + length - 5, ".toml") == 0) {
            entry->d_name[length - 5] = 0;
            add_name(names, entry->d_name);
        }
    }
    if (folder)
        closedir(folder);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void dashboard_open_themes(dashboard *self) {
    name_list names = {0};
    themes_in(&names, holm_configuration_directory(self->client));
    themes_in(&names, holm_share_directory(self->client));
    qsort(names.names, names.count, sizeof(char *), by_text);
    dashboard_open_choices(self, "theme", names.names, names.count, theme_chosen, theme_moved);
    for (size_t i = 0; i < names.count; i++)
        if (strcmp(names.names[i], self->theme_name) == 0)
            self->ui.overlay.choice = i;
    names_finish(&names);
}
