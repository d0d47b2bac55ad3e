#include "tui/file_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/holm.h"

static void free_entries(file_list *self) {
    for (size_t i = 0; i < self->count; i++) {
        free(self->entries[i].name);
        free(self->entries[i].bytes);
        free(self->entries[i].target);
        free(self->entries[i].owner);
    }
    free(self->entries);
    self->entries = NULL;
    self->count = 0;
}

void file_list_finish(file_list *self) {
    free_entries(self);
    free(self->path);
    free(self->shown);
    free(self->order);
    *self = (file_list){0};
}

// ---- one entry ----

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static int64_t number_of(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static file_kind kind_of(const char *text) {
    static const char *const names[] = {
        [FILE_FOLDER] = "folder", [FILE_PLAIN] = "file",    [FILE_LINK] = "link",
        [FILE_PIPE] = "pipe",     [FILE_SOCKET] = "socket", [FILE_DEVICE] = "device"};
    for (file_kind kind = FILE_FOLDER; kind <= FILE_DEVICE; kind++)
        if (strcmp(names[kind], text) == 0)
            return kind;
    return FILE_OTHER;
}

static char *bytes_of(const char *hex) {
    size_t length = strlen(hex) / 2;
    char *bytes = calloc(length + 1, 1);
    if (!bytes)
        abort();
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)strtoul((char[]){hex[2 * i], hex[2 * i + 1], 0}, NULL, 16);
    return bytes;
}

static char *escape(const char *text) {
    return holm_text_escape(text, strlen(text));
}

static char *owner_of(const json_t *entry) {
    char text[160], uid[24], gid[24];
    const char *user = text_of(entry, "user"), *group = text_of(entry, "group");
    snprintf(uid, sizeof(uid), "%lld", (long long)number_of(entry, "uid"));
    snprintf(gid, sizeof(gid), "%lld", (long long)number_of(entry, "gid"));
    snprintf(text, sizeof(text), "%.64s:%.64s", *user ? user : uid, *group ? group : gid);
    return escape(text);
}

static file_entry entry_of(const json_t *from) {
    const char *name = text_of(from, "name"), *hex = text_of(from, "nameHex");
    return (file_entry){.name = *hex ? strdup(name) : escape(name), // what is no UTF-8 is escaped already
                        .bytes = *hex ? bytes_of(hex) : strdup(name),
                        .kind = kind_of(text_of(from, "kind")),
                        .leads = kind_of(text_of(from, "leadsTo")),
                        .target = escape(text_of(from, "target")),
                        .owner = owner_of(from),
                        .mode = (unsigned)number_of(from, "mode"),
                        .size = (uint64_t)number_of(from, "sizeBytes"),
                        .modified = number_of(from, "modifiedUnixNs") / 1000000000};
}

file_kind file_entry_opens(const file_entry *self) {
    return self->kind == FILE_LINK ? self->leads : self->kind;
}

void file_entry_mode(const file_entry *self, char out[11]) {
    static const char kinds[] = {
        [FILE_OTHER] = '?', [FILE_FOLDER] = 'd', [FILE_PLAIN] = '-', [FILE_LINK] = 'l',
        [FILE_PIPE] = 'p',  [FILE_SOCKET] = 's', [FILE_DEVICE] = 'c'};
    static const char letters[] = "rwxrwxrwx";
    out[0] = kinds[self->kind];
    for (int i = 0; i < 9; i++)
        out[1 + i] = self->mode & 0400u >> i ? letters[i] : '-';
    for (int i = 0; i < 3; i++) { // set-user-id, set-group-id, sticky
        bool runs = self->mode & 0100u >> 3 * i;
        if (self->mode & 04000u >> i)
            out[3 + 3 * i] = "SST"[i] + (runs ? 'a' - 'A' : 0);
    }
    out[10] = 0;
}

// ---- the order ----

static void filter_entries(file_list *self) {
    size_t *order = realloc(self->order, (self->count + 1) * sizeof(*order));
    if (!order)
        abort();
    self->order = order;
    self->order_count = 0;
    for (size_t i = 0; i < self->count; i++)
        if (!*self->filter || strcasestr(self->entries[i].name, self->filter))
            order[self->order_count++] = i;
}

// The cursor on the entry of this name, else where it was.
static void select_name(file_list *self, const char *bytes) {
    for (size_t i = 0; bytes && i < self->order_count; i++) {
        if (strcmp(self->entries[self->order[i]].bytes, bytes) == 0) {
            self->index = i;
            return;
        }
    }
    file_list_move(self, 0);
}

// What the cursor is to be on in `path`, of what is there now.
static char *name_to_select(const file_list *self, const char *path) {
    const file_entry *selected = file_list_selected(self);
    if (!self->path)
        return NULL;
    if (strcmp(self->path, path) == 0)
        return selected ? strdup(selected->bytes) : NULL;
    char *above = file_path_up(self->path);
    bool up = above && strcmp(above, path) == 0;
    free(above);
    return up ? strdup(strrchr(self->path, '/') + 1) : NULL;
}

void file_list_set(file_list *self, const char *path, const json_t *folder) {
    const json_t *entries = json_object_get(folder, "entries");
    bool same = self->path && strcmp(self->path, path) == 0;
    char *selected = name_to_select(self, path), *kept = strdup(path);
    free_entries(self);
    free(self->path);
    free(self->shown);
    self->path = kept;
    self->shown = escape(kept);
    self->entries = calloc(json_array_size(entries) + 1, sizeof(*self->entries));
    if (!self->entries)
        abort();
    for (size_t i = 0; i < json_array_size(entries); i++)
        self->entries[self->count++] = entry_of(json_array_get(entries, i));
    self->left_out = (uint64_t)number_of(folder, "leftOut");
    self->more = json_is_true(json_object_get(folder, "more"));
    if (!same)
        self->filter[0] = 0, self->index = self->top = 0;
    filter_entries(self);
    select_name(self, selected);
    free(selected);
}

void file_list_set_filter(file_list *self, const char *filter) {
    const file_entry *selected = file_list_selected(self);
    snprintf(self->filter, sizeof(self->filter), "%s", filter);
    filter_entries(self);
    select_name(self, selected ? selected->bytes : NULL);
}

// ---- the cursor ----

void file_list_move(file_list *self, int64_t delta) {
    int64_t last = (int64_t)self->order_count - 1, to = (int64_t)self->index + delta;
    to = to > last ? last : to;
    self->index = to < 0 ? 0 : (size_t)to;
}

size_t file_list_top(const file_list *self, size_t page) {
    size_t top = self->top;
    page = page ? page : 1;
    if (top + page > self->order_count)
        top = self->order_count > page ? self->order_count - page : 0;
    if (self->index < top)
        top = self->index;
    return self->index >= top + page ? self->index - page + 1 : top;
}

void file_list_scroll(file_list *self, int64_t delta, size_t page) {
    page = page ? page : 1;
    int64_t top = (int64_t)file_list_top(self, page) + delta;
    int64_t most = self->order_count > page ? (int64_t)(self->order_count - page) : 0;
    self->top = top < 0 ? 0 : top > most ? (size_t)most : (size_t)top;
    if (self->index < self->top)
        self->index = self->top;
    if (self->index >= self->top + page)
        self->index = self->top + page - 1;
    file_list_move(self, 0);
}

const file_entry *file_list_at(const file_list *self, size_t place) {
    return place < self->order_count ? &self->entries[self->order[place]] : NULL;
}

const file_entry *file_list_selected(const file_list *self) {
    return file_list_at(self, self->index);
}

// ---- paths ----

char *file_path_down(const char *path, const char *name) {
    size_t above = strcmp(path, "/") == 0 ? 0 : strlen(path), length = strlen(name);
    char *whole = above + length + 1 <= FILE_LIST_PATH_MOST ? malloc(above + length + 2) : NULL;
    if (!whole)
        return NULL;
    memcpy(whole, path, above);
    whole[above] = '/';
    memcpy(whole + above + 1, name, length + 1);
    return whole;
}

char *file_path_up(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash || !slash[1])
        return NULL;
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}
