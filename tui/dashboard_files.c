// The files tab follows the selection, and reads a folder when it is opened: nothing asks by itself.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

static bool in_sight(const dashboard *self) {
    return self->ui.pane == PANE_CONTAINERS && self->ui.tabs[PANE_CONTAINERS] == TAB_FILES &&
           dashboard_detail_visible(self);
}

static void set_problem(ui_files *files, const holm_error *error) {
    const char *text = error ? holm_error_message(error) : NULL;
    free(files->problem);
    files->problem = text ? holm_text_escape(text, strlen(text)) : NULL;
}

// What a request is about: the container and the path, so that a late answer is known as one.
static char *subject_of(const char *id, const char *path) {
    size_t size = strlen(id) + strlen(path) + 2;
    char *text = malloc(size);
    if (!text)
        abort();
    snprintf(text, size, "%s %s", id, path);
    return text;
}

static bool is_asked(const ui_files *files, const char *subject) {
    cleanup_free char *now = files->id && files->asked ? subject_of(files->id, files->asked) : NULL;
    return now && strcmp(now, subject) == 0;
}

// ---- folders ----

static void on_folder(dashboard *self, const char *subject, json_t *result, const holm_error *error) {
    ui_files *files = &self->ui.files;
    if (!is_asked(files, subject))
        return;
    cleanup_free char *path = steal_pointer(&files->asked);
    set_problem(files, error);
    if (!error)
        file_list_set(&files->list, path, result);
    dashboard_dirty(self);
}

static void ask(dashboard *self, const char *path) {
    ui_files *files = &self->ui.files;
    const model_container *container = model_find_container(&self->model, files->id);
    cleanup_free char *asked = strdup(path), *subject = subject_of(files->id, path);
    free(files->asked);
    files->asked = steal_pointer(&asked);
    files->running = container && model_container_running(container);
    holm_container_folder(self->client, files->id, path, dashboard_done,
                          dashboard_request(self, subject, on_folder));
}

void dashboard_files_changed(dashboard *self) {
    ui_files *files = &self->ui.files;
    if (in_sight(self) && files->id)
        ask(self, files->list.path ? files->list.path : "/");
}

void dashboard_files_follow(dashboard *self) {
    ui_files *files = &self->ui.files;
    const model_container *container = ui_container(&self->ui, &self->model);
    if (!container || !in_sight(self))
        return;
    bool same = files->id && strcmp(files->id, container->id) == 0;
    if (same && files->running == model_container_running(container))
        return;
    if (!same) {
        ui_files_clear(files);
        files->id = strdup(container->id);
    }
    dashboard_files_changed(self);
}

// ---- files ----

static void describe(const json_t *file, const char *shown, char **title) {
    double size = json_number_value(json_object_get(file, "sizeBytes"));
    double here = json_number_value(json_object_get(file, "shownBytes"));
    char bytes[8], first[8], rest[48] = "";
    const char *unit = size == 1 ? " byte" : size < 1000 ? " bytes" : "";
    if (here < size)
        snprintf(rest, sizeof(rest), ", the first %s of it", view_bytes(here, first));
    size_t length = strlen(shown) + 80;
    *title = malloc(length);
    if (!*title)
        abort();
    snprintf(*title, length, "%s: %s%s%s", shown, view_bytes(size, bytes), unit, rest);
}

static void on_file(dashboard *self, const char *subject, json_t *result, const holm_error *error) {
    ui_files *files = &self->ui.files;
    if (!is_asked(files, subject))
        return;
    cleanup_free char *path = steal_pointer(&files->asked);
    cleanup_free char *shown = holm_text_escape(path, strlen(path));
    const char *text = json_string_value(json_object_get(result, "text"));
    set_problem(files, error);
    if (!error && json_is_true(json_object_get(result, "binary"))) {
        ui_set_notice(&self->ui, NOTICE_INFO, "that file is no text; it can be copied out");
    } else if (!error) {
        files->viewing = true;
        free(files->title);
        describe(result, shown, &files->title);
        dashboard_set_text(&files->view, path, strdup(*text ? text : "(it is empty)"));
    }
    dashboard_dirty(self);
}

static void show_file(dashboard *self, const char *path) {
    ui_files *files = &self->ui.files;
    cleanup_free char *subject = subject_of(files->id, path), *asked = strdup(path);
    free(files->asked);
    files->asked = steal_pointer(&asked);
    holm_container_file(self->client, files->id, path, dashboard_done,
                        dashboard_request(self, subject, on_file));
}

// ---- moving about ----

static void open_selected(dashboard *self) {
    ui_files *files = &self->ui.files;
    const file_entry *entry = file_list_selected(&files->list);
    if (files->viewing || !entry)
        return;
    cleanup_free char *path = file_path_down(files->list.path, entry->bytes);
    file_kind kind = file_entry_opens(entry);
    if (!path)
        ui_set_notice(&self->ui, NOTICE_BAD, "its path is too long");
    else if (kind == FILE_FOLDER)
        ask(self, path);
    else if (kind == FILE_PLAIN)
        show_file(self, path);
    else
        ui_set_notice(&self->ui, NOTICE_BAD,
                      entry->kind == FILE_LINK && kind == FILE_OTHER ? "there is nothing where it leads to"
                                                                     : "there is nothing in it to be shown");
    dashboard_dirty(self);
}

static bool leave_file(ui_files *files) {
    bool was = files->viewing;
    files->viewing = false;
    files->view.search[0] = 0;
    return was;
}

bool dashboard_files_back(dashboard *self) {
    ui_files *files = &self->ui.files;
    bool left = leave_file(files);
    if (!left && !*files->list.filter)
        return false;
    if (!left)
        file_list_set_filter(&files->list, "");
    dashboard_dirty(self);
    return true;
}

bool dashboard_files_take(const action *what) {
    static const char *const names[] = {"list.down",   "list.up",        "list.first",
                                        "list.last",   "list.page-down", "list.page-up",
                                        "list.filter", "list.find-next", "list.find-previous"};
    for (size_t i = 0; i < array_length(names); i++)
        if (strcmp(what->name, names[i]) == 0)
            return true;
    return false;
}

static int rows_of(const dashboard *self, int *first) {
    rect content = dashboard_layout(self).content;
    int rows;
    *first = detail_files_rows(&self->ui.files, &content, &rows);
    return rows;
}

void dashboard_files_scroll(dashboard *self, int64_t delta) {
    ui_files *files = &self->ui.files;
    int first, rows = rows_of(self, &first);
    if (!files->viewing) {
        file_list_scroll(&files->list, delta, (size_t)rows);
        return;
    }
    int64_t page = dashboard_layout(self).content.height - 1, top = (int64_t)files->view.top + delta;
    int64_t most = (int64_t)files->view.lines > page ? (int64_t)files->view.lines - page : 0;
    files->view.top = top < 0 ? 0 : top > most ? (size_t)most : (size_t)top;
}

void dashboard_files_click(dashboard *self, int row) {
    ui_files *files = &self->ui.files;
    int first, rows = rows_of(self, &first);
    size_t place = file_list_top(&files->list, (size_t)rows) + (size_t)(row - first);
    if (files->viewing || row < first || !file_list_at(&files->list, place))
        return;
    if (place == files->list.index)
        open_selected(self);
    files->list.top = file_list_top(&files->list, (size_t)rows);
    files->list.index = place;
    dashboard_dirty(self);
}

static void open_entry(dashboard *self, const char *id) {
    (void)id;
    open_selected(self);
}

static void up(dashboard *self, const char *id) {
    (void)id;
    ui_files *files = &self->ui.files;
    cleanup_free char *above = files->list.path ? file_path_up(files->list.path) : NULL;
    if (!leave_file(files) && above)
        ask(self, above);
    dashboard_dirty(self);
}

static void refresh(dashboard *self, const char *id) {
    (void)id;
    leave_file(&self->ui.files);
    dashboard_files_changed(self);
    dashboard_dirty(self);
}

// ---- copies ----

// A path of this machine that is taken for nothing else: for no option, no container and no tar.
static char *host_path(const char *text) {
    const char *home = getenv("HOME");
    bool plain = *text == '/' || strncmp(text, "./", 2) == 0 || strncmp(text, "../", 3) == 0;
    bool own = home && (strcmp(text, "~") == 0 || strncmp(text, "~/", 2) == 0);
    size_t size = strlen(text) + (home ? strlen(home) : 0) + 3;
    char *path = malloc(size);
    if (!path)
        abort();
    snprintf(path, size, "%s%s", own ? home : plain ? "" : "./", own ? text + 1 : text);
    return path;
}

static char *join(const char *first, const char *second, const char *third) {
    size_t size = strlen(first) + strlen(second) + strlen(third) + 1;
    char *text = malloc(size);
    if (!text)
        abort();
    snprintf(text, size, "%s%s%s", first, second, third);
    return text;
}

// By this same program, as a task that can be looked at and cancelled.
static void copy(dashboard *self, bool out, const char *path, const char *end, const char *host) {
    const model_container *container = model_find_container(&self->model, self->ui.files.id);
    cleanup_free char *outside = host_path(host), *whole = join(path, end, "");
    cleanup_free char *inside = join(self->ui.files.id, ":", whole);
    char *argv[] = {(char *)"/proc/self/exe", (char *)"cp",           (char *)"--",
                    out ? inside : outside,   out ? outside : inside, NULL};
    cleanup_free char *named = join(container ? container->name : "", ":", whole);
    cleanup_free char *pair = join(out ? named : outside, " ", out ? outside : named);
    cleanup_free char *title = join("cp ", pair, ""), *shown = holm_text_escape(title, strlen(title));
    dashboard_program_start(self, shown, "task", argv);
}

static void out_entered(dashboard *self, const char *text) {
    if (*text)
        copy(self, true, self->files_path, "", text);
}

static void copy_out(dashboard *self, const char *id) {
    (void)id;
    ui_files *files = &self->ui.files;
    const file_entry *entry = file_list_selected(&files->list);
    if (!entry || !files->list.path)
        return;
    free(self->files_path);
    self->files_path = file_path_down(files->list.path, entry->bytes);
    if (!self->files_path)
        return;
    char title[96];
    snprintf(title, sizeof(title), "copy %.80s to", entry->name);
    dashboard_open_prompt(self, title, "A folder of this machine, or the new name there.", "./", out_entered);
}

static void in_entered(dashboard *self, const char *text) {
    ui_files *files = &self->ui.files;
    if (!*text || !files->list.path)
        return;
    copy(self, false, files->list.path, strcmp(files->list.path, "/") == 0 ? "" : "/", text);
}

static void copy_in(dashboard *self, const char *id) {
    (void)id;
    ui_files *files = &self->ui.files;
    if (!files->list.path)
        return;
    if (!files->running) {
        ui_set_notice(&self->ui, NOTICE_BAD, "it does not run: only its own machine writes to its disk");
        dashboard_dirty(self);
        return;
    }
    char title[96];
    snprintf(title, sizeof(title), "copy into %.80s", files->list.shown);
    dashboard_open_prompt(self, title, "A file or folder of this machine.", "", in_entered);
}

const dashboard_handler dashboard_files_handlers[] = {
    {"files.open", open_entry}, {"files.up", up},           {"files.copy-out", copy_out},
    {"files.copy-in", copy_in}, {"files.refresh", refresh}, {NULL, NULL},
};
