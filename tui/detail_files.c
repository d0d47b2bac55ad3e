// The files tab: the folder's path, what is in it, or the beginning of a file.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tui/view.h"

#define NAME_LEAST  12
#define WHOLE_LEAST 12 ///< rows of a tab that has one for this

int detail_files_rows(const ui_files *files, const rect *content, int *rows) {
    int first = files->problem ? 3 : 2;        // the path, what is wrong, the names of the columns
    int last = content->height >= WHOLE_LEAST; // what the columns have cut of the name under the cursor
    *rows = content->height > first + last ? content->height - first - last : 0;
    return first;
}

// ---- columns ----

typedef struct column {
    const char *title;
    int width, least; ///< where the tab has fewer columns, this one is not there
    bool right;
    void (*text)(const file_entry *entry, char *out, size_t size);
} column;

static void size_text(const file_entry *entry, char *out, size_t size) {
    char bytes[8] = "";
    if (entry->kind == FILE_PLAIN)
        view_bytes((double)entry->size, bytes);
    snprintf(out, size, "%s", bytes);
}

static void time_text(const file_entry *entry, char *out, size_t size) {
    time_t seconds = (time_t)entry->modified;
    struct tm parts;
    if (!localtime_r(&seconds, &parts) || !strftime(out, size, "%Y-%m-%d %H:%M", &parts) || strlen(out) > 16)
        snprintf(out, size, "-");
}

static void mode_text(const file_entry *entry, char *out, size_t size) {
    char mode[11];
    file_entry_mode(entry, mode);
    snprintf(out, size, "%s", mode);
}

static void owner_text(const file_entry *entry, char *out, size_t size) {
    snprintf(out, size, "%s", entry->owner);
}

static const column columns[] = {
    {"MODE", 10, 56, false, mode_text},
    {"OWNER", 13, 70, false, owner_text},
    {"SIZE", 5, 26, true, size_text},
    {"MODIFIED", 16, 44, false, time_text},
};

static int name_width(int whole) {
    int width = whole;
    for (size_t i = 0; i < array_length(columns); i++)
        if (whole >= columns[i].least)
            width -= columns[i].width + 2;
    return width > NAME_LEAST ? width : NAME_LEAST;
}

static void each_column(const painter *self, int y, const file_entry *entry) {
    int x = 1 + name_width(self->area.width - 2);
    for (size_t i = 0; i < array_length(columns); i++) {
        const column *at = &columns[i];
        char text[160];
        if (self->area.width - 2 < at->least)
            continue;
        snprintf(text, sizeof(text), "%s", at->title);
        if (entry)
            at->text(entry, text, sizeof(text));
        x += 2;
        if (at->right)
            paint_right(self, x, y, at->width, entry ? THEME_TEXT : THEME_COLUMN, text);
        else
            paint(self, x, y, at->width, entry ? THEME_MUTED : THEME_COLUMN, text);
        x += at->width;
    }
}

// ---- rows ----

// What it is says the letter behind its name, as with ls -F.
static void name(const painter *self, int y, const file_entry *entry) {
    static const char *const marks[] = {
        [FILE_OTHER] = "", [FILE_FOLDER] = "/", [FILE_PLAIN] = "", [FILE_LINK] = "",
        [FILE_PIPE] = "|", [FILE_SOCKET] = "=", [FILE_DEVICE] = ""};
    int x = 1, end = 1 + name_width(self->area.width - 2);
    bool runs = entry->kind == FILE_PLAIN && entry->mode & 0111;
    theme_role role = file_entry_opens(entry) == FILE_FOLDER ? THEME_STRONG : THEME_TEXT;
    x += paint(self, x, y, end - x, role, entry->name);
    x += paint(self, x, y, end - x, THEME_MUTED, runs ? "*" : marks[entry->kind]);
    if (entry->kind != FILE_LINK)
        return;
    x += paint(self, x, y, end - x, THEME_MUTED, " -> ");
    if (entry->leads == FILE_OTHER)
        x += paint(self, x, y, end - x, THEME_BAD, "nothing: ");
    x += paint(self, x, y, end - x, THEME_MUTED, entry->target);
    if (entry->leads == FILE_FOLDER)
        paint(self, x, y, end - x, THEME_MUTED, "/");
}

static void count_text(const file_list *list, char *out, size_t size) {
    char rest[64] = "";
    if (list->more)
        snprintf(rest, sizeof(rest), ", and more than %llu others", (unsigned long long)list->left_out);
    else if (list->left_out)
        snprintf(rest, sizeof(rest), ", and %llu more", (unsigned long long)list->left_out);
    if (*list->filter)
        snprintf(out, size, "%zu of %zu%s", list->order_count, list->count, rest);
    else
        snprintf(out, size, "%zu %s%s", list->count, list->count == 1 ? "entry" : "entries", rest);
}

static void path_line(const painter *self, const ui_files *files) {
    char text[160] = "";
    count_text(&files->list, text, sizeof(text));
    int room = self->area.width - 2, width = cell_text_width(text);
    if (width + 16 < room) {
        paint_right(self, 1, 0, room, *files->list.filter ? THEME_MATCH : THEME_MUTED, text);
        room -= width + 2;
    }
    // The end of a path says most.
    const char *path = files->list.shown;
    while (cell_text_width(path) > room && strchr(path + 1, '/'))
        path = strchr(path + 1, '/');
    int x = 1;
    if (path != files->list.shown)
        x += paint(self, x, 0, 1, THEME_MUTED, self->view->glyphs->ellipsis);
    x += paint(self, x, 0, room - x + 1, THEME_TITLE, path);
    if (*files->list.filter)
        paint_format(&(painter){self->view, self->out, {self->area.x, self->area.y, room + 1, 1}}, x + 1, 0,
                     THEME_MATCH, "/ %s", files->list.filter);
}

// The name under the cursor where its column has cut it.
static void whole_name(const painter *self, const file_entry *entry) {
    char text[1024];
    bool link = entry->kind == FILE_LINK;
    snprintf(text, sizeof(text), "%.500s%s%.500s", entry->name, link ? " -> " : "",
             link ? entry->target : "");
    bool broken = link && entry->leads == FILE_OTHER;
    if (self->area.height >= WHOLE_LEAST &&
        cell_text_width(text) + (broken ? 9 : 1) > name_width(self->area.width - 2))
        paint(self, 1, self->area.height - 1, self->area.width - 2, THEME_MUTED, text);
}

static void entries(const painter *self, const ui_files *files, int first, int rows) {
    const file_list *list = &files->list;
    size_t top = file_list_top(list, (size_t)rows);
    if (!list->order_count)
        paint_line(self, 1, first, THEME_MUTED, list->count ? "nothing matches" : "nothing is in it");
    for (int y = 0; y < rows; y++) {
        const file_entry *entry = file_list_at(list, top + (size_t)y);
        if (!entry)
            break;
        name(self, first + y, entry);
        each_column(self, first + y, entry);
        if (top + (size_t)y != list->index)
            continue;
        whole_name(self, entry);
        paint_selection(self, first + y, 1, ui_in_files(self->view->ui));
        if (self->view->ui->plain) {
            self->out->cursor_column = self->area.x;
            self->out->cursor_row = self->area.y + first + y;
        }
    }
    painter inside = *self;
    inside.area.y += first;
    inside.area.height = rows;
    paint_scroll(&inside, top, (size_t)rows, list->order_count);
}

static void draw_file(const painter *self, const ui_files *files) {
    painter text = *self;
    paint(self, 1, 0, self->area.width - 2, THEME_TITLE, files->title);
    text.area.y += 1;
    text.area.height = self->area.height > 1 ? self->area.height - 1 : 0;
    detail_text(&text, &files->view, "reading");
}

void detail_files(const painter *self) {
    const ui_files *files = &self->view->ui->files;
    int rows, first = detail_files_rows(files, &self->area, &rows);
    if (files->viewing) {
        draw_file(self, files);
        return;
    }
    if (files->list.path)
        path_line(self, files);
    if (files->problem)
        paint_wrapped(&(painter){self->view,
                                 self->out,
                                 {self->area.x, self->area.y, self->area.width,
                                  files->list.path ? 2 : self->area.height}},
                      1, files->list.path ? 1 : 0, THEME_BAD, files->problem);
    if (!files->list.path) {
        if (!files->problem)
            paint(self, 1, 0, self->area.width - 2, THEME_MUTED, "asking the container");
        return;
    }
    paint_line(self, 1, first - 1, THEME_COLUMN, "NAME");
    if (first <= self->area.height)
        each_column(self, first - 1, NULL);
    entries(self, files, first, rows);
}
