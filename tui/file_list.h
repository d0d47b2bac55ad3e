// A folder of a container as the files tab shows it: its entries, which of them are shown, where the cursor
// is.
//
// What is shown is safe for a screen; what a container is asked by is the bytes themselves.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_LIST_PATH_MOST 4095 ///< bytes
#define FILE_LIST_FILTER    128

typedef enum file_kind {
    FILE_OTHER,
    FILE_FOLDER,
    FILE_PLAIN,
    FILE_LINK,
    FILE_PIPE,
    FILE_SOCKET,
    FILE_DEVICE
} file_kind;

typedef struct file_entry {
    char *name;  ///< to be shown
    char *bytes; ///< what it is called
    file_kind kind;
    file_kind leads; ///< of a link; FILE_OTHER: nowhere
    char *target;    ///< of a link, to be shown
    char *owner;     ///< "root:root", to be shown
    unsigned mode;   ///< without the kind
    uint64_t size;
    int64_t modified; ///< unix seconds
} file_entry;

typedef struct file_list {
    char *path;  ///< the bytes of the folder's path: "/", "/etc"; NULL: nothing was read yet
    char *shown; ///< the same, to be shown
    file_entry *entries;
    size_t count;
    uint64_t left_out; ///< entries that there are beside these
    bool more;         ///< and others that nobody has counted
    size_t *order;     ///< those that the filter lets through
    size_t order_count;
    size_t index, top; ///< places in `order`
    char filter[FILE_LIST_FILTER];
} file_list;

void file_list_finish(file_list *self);
/// Takes what holm_container_folder says of `path`. Of the same folder the cursor stays on its entry; above
/// the folder that it was in before it goes to that one.
void file_list_set(file_list *self, const char *path, const json_t *folder);
/// Shows only names that hold the text, whatever their case; "": all.
void file_list_set_filter(file_list *self, const char *filter);
/// Moves the cursor, clamped.
void file_list_move(file_list *self, int64_t delta);
/// The first place that is shown on a page of so many rows, so that the cursor is on it.
size_t file_list_top(const file_list *self, size_t page);
/// Scrolls by so many rows of such a page; the cursor stays on it.
void file_list_scroll(file_list *self, int64_t delta, size_t page);
/// The entry at a place, or under the cursor; NULL: there is none.
const file_entry *file_list_at(const file_list *self, size_t place);
const file_entry *file_list_selected(const file_list *self);
/// What opening it shows: a folder, a plain file, or what else it is; through a link.
file_kind file_entry_opens(const file_entry *self);
/// The path of what has this name in the folder, the folder above; the caller frees it. NULL: it would be too
/// long, or there is none.
char *file_path_down(const char *path, const char *name);
char *file_path_up(const char *path);
/// "drwxr-sr-x"
void file_entry_mode(const file_entry *self, char out[11]);
