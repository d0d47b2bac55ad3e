// The files tab: entries as they are shown and as they are asked for, the cursor, paths; keys on a folder.
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/tui/fake/fake_holm.h"
#include "tests/unit/tui/golden_scenes.h"
#include "tui/file_list.h"

static json_t *folder_of(int count) {
    json_t *list = json_array();
    char name[16];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s%03d", i % 2 ? "Odd" : "even", i);
        json_array_append_new(list, json_pack("{s:s, s:s, s:i}", "name", name, "kind",
                                              i < 2 ? "folder" : "file", "mode", 0644));
    }
    return json_pack("{s:o, s:i, s:b}", "entries", list, "leftOut", 0, "more", 0);
}

static void set(file_list *self, const char *path, int count) {
    json_t *folder = folder_of(count);
    file_list_set(self, path, folder);
    json_decref(folder);
}

static void test_entries(void **state) {
    (void)state;
    file_list list = {0};
    char mode[11];
    json_t *folder = fake_folder(SCENE_NOW_NS);
    file_list_set(&list, "/a\x1b]0;x\a", folder);
    json_decref(folder);
    assert_string_equal(list.shown, "/a\\x1b]0;x\\x07");
    assert_int_equal(list.left_out, 905);
    const file_entry *link = file_list_at(&list, 0), *bad = file_list_at(&list, 3),
                     *evil = file_list_at(&list, 5);
    assert_int_equal(link->kind, FILE_LINK);
    assert_int_equal(file_entry_opens(link), FILE_FOLDER);
    assert_string_equal(bad->name, "\\xffbad"); // not escaped twice
    assert_string_equal(bad->bytes, "\xff"
                                    "bad");
    assert_string_equal(bad->owner, "1003:50");
    assert_string_equal(evil->name, "\\x1b]0;evil title\\x07\\x1b[2J");
    assert_string_equal(evil->bytes, "\x1b]0;evil title\a\x1b[2J");
    assert_int_equal(file_entry_opens(file_list_at(&list, 8)), FILE_OTHER); // leads nowhere
    file_entry_mode(file_list_at(&list, 7), mode);
    assert_string_equal(mode, "-rwsr-xr-x");
    file_entry_mode(file_list_at(&list, 2), mode);
    assert_string_equal(mode, "drwxrwxrwt");
    file_entry_mode(&(file_entry){.kind = FILE_DEVICE, .mode = 07000}, mode);
    assert_string_equal(mode, "c--S--S--T");
    file_list_finish(&list);
}

static void test_what_makes_no_sense(void **state) {
    (void)state;
    file_list list = {0};
    json_t *folder =
        json_pack("{s:[{}, {s:i, s:s}], s:s}", "entries", "name", 3, "kind", "lake", "leftOut", "x");
    file_list_set(&list, "/", folder);
    json_decref(folder);
    assert_int_equal(list.count, 2);
    assert_int_equal(file_entry_opens(file_list_at(&list, 1)), FILE_OTHER);
    file_list_set(&list, "/", NULL);
    assert_int_equal(list.count, 0);
    assert_null(file_list_selected(&list));
    file_list_move(&list, 5);
    file_list_scroll(&list, 5, 10);
    assert_int_equal(list.index, 0);
    file_list_finish(&list);
}

static void test_cursor_and_filter(void **state) {
    (void)state;
    file_list list = {0};
    set(&list, "/x", 100);
    file_list_move(&list, 51);
    assert_string_equal(file_list_selected(&list)->name, "Odd051");
    assert_int_equal(file_list_top(&list, 20), 32);
    file_list_set_filter(&list, "odd");
    assert_int_equal(list.order_count, 50);
    assert_string_equal(file_list_selected(&list)->name, "Odd051"); // stays on its entry
    file_list_set_filter(&list, "even");
    assert_int_equal(list.order_count, 50);
    file_list_set_filter(&list, "nowhere");
    assert_null(file_list_selected(&list));
    file_list_set_filter(&list, "");
    set(&list, "/x", 3); // read anew: fewer
    assert_int_equal(list.index, 0);
    file_list_move(&list, 1000000);
    assert_int_equal(list.index, 2);
    set(&list, "/x", 100);
    assert_int_equal(list.index, 2);
    file_list_scroll(&list, 30, 10);
    assert_int_equal(file_list_top(&list, 10), 30);
    assert_int_equal(list.index, 30);
    file_list_scroll(&list, 1000, 10);
    assert_int_equal(file_list_top(&list, 10), 90);
    file_list_scroll(&list, -1000, 10);
    assert_int_equal(list.index, 9);
    assert_int_equal(file_list_top(&list, 1000), 0);
    file_list_set_filter(&list, "odd");
    set(&list, "/x/even000", 5); // another folder: from its top, with all of it
    assert_int_equal(list.index, 0);
    assert_string_equal(list.filter, "");
    set(&list, "/x", 100); // and back: on the folder that it was in
    assert_string_equal(file_list_selected(&list)->name, "even000");
    set(&list, "/x/Odd001/deep", 5);
    set(&list, "/x/Odd001", 5);
    set(&list, "/x", 100);
    assert_string_equal(file_list_selected(&list)->name, "Odd001");
    file_list_finish(&list);
}

static void test_paths(void **state) {
    (void)state;
    static const struct {
        const char *path, *name, *down, *up;
    } cases[] = {
        {"/", "etc", "/etc", NULL}, {"/etc", "x y", "/etc/x y", "/"}, {"/a/b", "-rf", "/a/b/-rf", "/a"}};
    for (size_t i = 0; i < array_length(cases); i++) {
        cleanup_free char *down = file_path_down(cases[i].path, cases[i].name),
                          *up = file_path_up(cases[i].path);
        assert_string_equal(down, cases[i].down);
        if (cases[i].up)
            assert_string_equal(up, cases[i].up);
        else
            assert_null(up);
    }
    char path[FILE_LIST_PATH_MOST + 1];
    memset(path, '/', sizeof(path));
    path[FILE_LIST_PATH_MOST - 4] = 0;
    free(file_path_down(path, "abc"));
    assert_null(file_path_down(path, "abcd"));
}

// ---- keys ----

static const scene *scene_of(const char *name) {
    for (size_t i = 0; i < scene_count; i++)
        if (strcmp(scenes[i].name, name) == 0)
            return &scenes[i];
    fail_msg("there is no scene %s", name);
    return NULL;
}

static void key(dashboard *self, uint32_t which) {
    dashboard_key(self, &(input_event){.key = which});
}

static void test_keys(void **state) {
    (void)state;
    dashboard *self = scene_create(scene_of("files"), 80, 24);
    ui_files *files = &self->ui.files;
    const char *container = self->ui.lists[PANE_CONTAINERS].selected;
    cleanup_free char *before = strdup(container);
    key(self, INPUT_DOWN);
    assert_int_equal(files->list.index, 5);
    key(self, 'k');
    assert_int_equal(files->list.index, 4);
    key(self, INPUT_END);
    assert_int_equal(files->list.index, 12);
    key(self, INPUT_HOME);
    // what would stop, remove, mark or sort containers does not reach them from here
    for (const char *at = "sKaoOvC "; *at; at++)
        key(self, (uint32_t)*at);
    assert_int_equal(self->ui.overlay.kind, OVERLAY_NONE);
    assert_int_equal(self->ui.lists[PANE_CONTAINERS].mark_count, 0);
    assert_int_equal(self->ui.lists[PANE_CONTAINERS].sort, 0);
    assert_string_equal(self->ui.lists[PANE_CONTAINERS].selected, before);
    key(self, '/');
    for (const char *at = "mime"; *at; at++)
        key(self, (uint32_t)*at);
    assert_int_equal(files->list.order_count, 1);
    assert_string_equal(self->ui.lists[PANE_CONTAINERS].filter, "");
    key(self, INPUT_ENTER);
    assert_false(self->ui.filtering);
    key(self, INPUT_ESCAPE); // takes the filter away, then leaves the tab
    assert_int_equal(files->list.order_count, 13);
    assert_int_equal(self->ui.focus, FOCUS_DETAIL);
    key(self, 'd');
    assert_int_equal(self->ui.overlay.kind, OVERLAY_PROMPT);
    assert_string_equal(self->ui.overlay.title, "copy mime.types to");
    key(self, INPUT_ESCAPE);
    key(self, 'u');
    assert_string_equal(self->ui.overlay.title, "copy into /etc/nginx");
    key(self, INPUT_ESCAPE);
    self->read_only = true;
    key(self, 'u');
    assert_int_equal(self->ui.overlay.kind, OVERLAY_NONE);
    key(self, INPUT_ESCAPE);
    assert_int_equal(self->ui.focus, FOCUS_LIST);
    scene_destroy(self);
}

static void test_pages_leave_nothing_out(void **state) {
    (void)state;
    dashboard *self = scene_create(scene_of("files"), 80, 24);
    rect content = dashboard_layout(self).content;
    file_list *list = &self->ui.files.list;
    int rows;
    detail_files_rows(&self->ui.files, &content, &rows);
    set(list, "/x", 200);
    key(self, INPUT_PAGE_DOWN);
    assert_int_equal(list->index, rows - 1); // the last one that was in sight
    list->top = file_list_top(list, (size_t)rows);
    key(self, INPUT_PAGE_DOWN);
    assert_int_equal(file_list_top(list, (size_t)rows), rows - 1);
    scene_destroy(self);
}

static void test_a_file_is_left(void **state) {
    (void)state;
    dashboard *self = scene_create(scene_of("files-file"), 80, 24);
    key(self, INPUT_ESCAPE);
    assert_false(self->ui.files.viewing);
    assert_int_equal(self->ui.focus, FOCUS_DETAIL);
    scene_destroy(self);
}

static void test_a_click_selects(void **state) {
    (void)state;
    dashboard *self = scene_create(scene_of("files"), 80, 24);
    rect content = dashboard_layout(self).content;
    for (int pressed = 1; pressed >= 0; pressed--)
        dashboard_key(
            self, &(input_event){
                      .key = INPUT_MOUSE, .x = content.x + 3, .y = content.y + 2 + 9, .pressed = pressed});
    assert_string_equal(file_list_selected(&self->ui.files.list)->name, "mime.types");
    dashboard_files_click(self, 0);  // the path
    dashboard_files_click(self, 20); // below the last one
    assert_int_equal(self->ui.files.list.index, 9);
    scene_destroy(self);
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_entries),
                                       cmocka_unit_test(test_what_makes_no_sense),
                                       cmocka_unit_test(test_cursor_and_filter),
                                       cmocka_unit_test(test_paths),
                                       cmocka_unit_test(test_keys),
                                       cmocka_unit_test(test_pages_leave_nothing_out),
                                       cmocka_unit_test(test_a_file_is_left),
                                       cmocka_unit_test(test_a_click_selects)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
