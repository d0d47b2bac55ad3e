// What is kept between starts: the layout, the order and filter of lists, what is selected in them, tabs,
// open consoles, the theme. One JSON file in the data folder, written whole; one that makes no sense is as
// none.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

#define MOST_BYTES 65536

// NULL: there is no folder for it.
static char *state_path(const dashboard *self, const char *suffix) {
    char *path = NULL;
    if (!holm_data_directory(self->client))
        return NULL;
    if (asprintf(&path, "%s/dashboard.json%s", holm_data_directory(self->client), suffix) < 0)
        abort();
    return path;
}

static json_t *save_list(const ui_list *list, const list_kind *kind) {
    json_t *columns = json_array();
    for (size_t i = 0; i < kind->column_count; i++)
        if (list->columns & 1u << i)
            json_array_append_new(columns, json_string(kind->columns[i].name));
    return json_pack("{s:s, s:b, s:s, s:s, s:o, s:s?}", "sort",
                     list->sort ? kind->columns[list->sort - 1].name : "", "reverse", list->reverse, "filter",
                     list->filter, "group", list->group, "columns", columns, "selected", list->selected);
}

static json_t *save_shares(const int shares[UI_BANDS]) {
    json_t *list = json_array();
    for (int i = 0; i < UI_BANDS; i++)
        json_array_append_new(list, json_integer(shares[i]));
    return list;
}

void dashboard_state_save(const dashboard *self) {
    json_t *lists = json_object(), *tabs = json_object();
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++) {
        const list_kind *kind = ui_kind(pane);
        json_object_set_new(lists, kind->name, save_list(&self->ui.lists[pane], kind));
        json_object_set_new(tabs, kind->name,
                            json_string(ui_tab_name(ui_current_tab(&self->ui, pane), pane)));
    }
    json_t *document = json_pack(
        "{s:s, s:i, s:i, s:o, s:o, s:b, s:b, s:b, s:b, s:s, s:o, s:o, s:O?}", "pane",
        ui_kind(self->ui.pane)->name, "share", self->ui.share, "middle", self->ui.middle, "heights",
        save_shares(self->ui.heights), "lefts", save_shares(self->ui.lefts), "below", self->ui.below, "mouse",
        self->ui.mouse, "wrap", self->ui.logs.wrap, "timestamps", self->ui.logs.timestamps, "theme",
        self->theme_name, "lists", lists, "tabs", tabs, "consoles", self->reopen);
    cleanup_free char *path = state_path(self, ""), *fresh = state_path(self, ".new");
    if (!path || !fresh) {
        json_decref(document);
        return;
    }
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    // A full disk leaves the state of before.
    if (fd >= 0 && document && json_dumpfd(document, fd, JSON_INDENT(1)) == 0)
        rename(fresh, path);
    else
        unlink(fresh);
    if (fd >= 0)
        close(fd);
    json_decref(document);
}

static void copy_text(char *out, size_t size, const json_t *value) {
    const char *text = json_string_value(value);
    if (text && strlen(text) < size)
        strcpy(out, text);
}

static void load_list(ui_list *list, const list_kind *kind, const json_t *saved) {
    const char *sort = json_string_value(json_object_get(saved, "sort"));
    list->sort = sort ? list_column_find(kind, sort) + 1 : 0;
    if (list->sort && !kind->columns[list->sort - 1].compare)
        list->sort = 0;
    list->reverse = json_is_true(json_object_get(saved, "reverse"));
    copy_text(list->filter, sizeof(list->filter), json_object_get(saved, "filter"));
    copy_text(list->group, sizeof(list->group), json_object_get(saved, "group"));
    const char *selected = json_string_value(json_object_get(saved, "selected"));
    list->selected = selected ? strdup(selected) : NULL;
    const json_t *columns = json_object_get(saved, "columns");
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const char *name = json_string_value(json_array_get(columns, i));
        int column = name ? list_column_find(kind, name) : -1;
        if (column >= 0)
            list->columns |= 1u << column;
    }
}

static void load_tab(ui_state *ui, ui_pane pane, const json_t *saved) {
    const char *name = json_string_value(saved);
    ui_tab tabs[TAB_COUNT];
    size_t count = ui_pane_tabs(pane, tabs);
    for (size_t i = 0; name && i < count; i++)
        if (strcmp(ui_tab_name(tabs[i], pane), name) == 0)
            ui->tabs[pane] = tabs[i];
}

static void load_shares(int shares[UI_BANDS], const json_t *saved) {
    for (int i = 0; i < UI_BANDS; i++) {
        json_int_t share = json_integer_value(json_array_get(saved, (size_t)i));
        shares[i] = share > 0 && share < 1000 ? (int)share : 0;
    }
}

void dashboard_state_load(dashboard *self) {
    cleanup_free char *path = state_path(self, "");
    cleanup_file FILE *file = path ? fopen(path, "re") : NULL;
    cleanup_free char *bytes = malloc(MOST_BYTES);
    size_t length = file && bytes ? fread(bytes, 1, MOST_BYTES, file) : 0;
    json_t *document = length && length < MOST_BYTES ? json_loadb(bytes, length, 0, NULL) : NULL;
    if (!document)
        return;
    ui_state *ui = &self->ui;
    const char *name = json_string_value(json_object_get(document, "pane"));
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++) {
        const list_kind *kind = ui_kind(pane);
        if (name && strcmp(name, kind->name) == 0)
            ui_use_pane(ui, pane);
        load_list(&ui->lists[pane], kind, json_object_get(json_object_get(document, "lists"), kind->name));
        load_tab(ui, pane, json_object_get(json_object_get(document, "tabs"), kind->name));
    }
    json_int_t share = json_integer_value(json_object_get(document, "share"));
    share = share < 100 ? share * 10 : share; // it was kept in percent
    ui->share = share >= 150 && share <= 850 ? (int)share : 0;
    json_int_t middle = json_integer_value(json_object_get(document, "middle"));
    ui->middle = middle > 0 && middle < 1000 ? (int)middle : 0;
    load_shares(ui->heights, json_object_get(document, "heights"));
    load_shares(ui->lefts, json_object_get(document, "lefts"));
    ui->below = json_is_true(json_object_get(document, "below"));
    ui->logs.wrap = json_is_true(json_object_get(document, "wrap"));
    ui->logs.timestamps = json_is_true(json_object_get(document, "timestamps"));
    if (json_is_boolean(json_object_get(document, "mouse")))
        ui->mouse = json_is_true(json_object_get(document, "mouse"));
    copy_text(self->theme_name, sizeof(self->theme_name), json_object_get(document, "theme"));
    self->reopen = json_incref(json_object_get(document, "consoles"));
    json_decref(document);
}
