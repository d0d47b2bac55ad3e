// What a container says of its folders and files becomes documents that can be believed.

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"
#include "core/holm_folder.h"

typedef struct answer {
    Holm__Agent__V1__FolderResponse message;
    Holm__Agent__V1__FolderEntry *entries;
} answer;

static void add(answer *self, const char *name, size_t length, uint32_t mode, const char *target,
                uint32_t target_mode) {
    size_t at = self->message.n_entries++;
    self->message.entries = reallocarray(self->message.entries, at + 1, sizeof *self->message.entries);
    Holm__Agent__V1__FolderEntry *entry = self->message.entries[at] = calloc(1, sizeof *entry);
    holm__agent__v1__folder_entry__init(entry);
    entry->name = (ProtobufCBinaryData){length, (uint8_t *)name};
    entry->mode = mode;
    entry->user = (char *)(mode & 1 ? "root" : "\xff");
    entry->target = (ProtobufCBinaryData){target ? strlen(target) : 0, (uint8_t *)target};
    entry->target_mode = target_mode;
}

#define ADD(name_, mode_) add(&self, name_, sizeof(name_) - 1, mode_, NULL, 0)

static void finish(answer *self) {
    for (size_t i = 0; i < self->message.n_entries; i++)
        free(self->message.entries[i]);
    free(self->message.entries);
}

static const char *text(const json_t *document, size_t index, const char *key) {
    return json_string_value(
        json_object_get(json_array_get(json_object_get(document, "entries"), index), key));
}

static long long number(const json_t *document, const char *key) {
    return json_integer_value(json_object_get(document, key));
}

static void test_folders_come_first(void **test) {
    (void)test;
    answer self = {.message = HOLM__AGENT__V1__FOLDER_RESPONSE__INIT};
    ADD("b", S_IFREG | 0644);
    ADD("a.txt", S_IFREG | 04755);
    ADD("zoo", S_IFDIR | 0755);
    add(&self, "bin", 3, S_IFLNK | 0777, "usr/bin", S_IFDIR | 0755);
    add(&self, "gone", 4, S_IFLNK | 0777, "/nowhere", 0);
    ADD("null", S_IFCHR | 0666);
    ADD("fifo", S_IFIFO | 0666);
    ADD("sock", S_IFSOCK | 0666);
    self.message.left_out = 7;
    self.message.more = true;
    json_t *out = holm_folder_document(&self.message);
    static const char *const names[] = {"bin", "zoo", "a.txt", "b", "fifo", "gone", "null", "sock"};
    static const char *const kinds[] = {"link", "folder", "file", "file", "pipe", "link", "device", "socket"};
    for (size_t i = 0; i < array_length(names); i++) {
        assert_string_equal(text(out, i, "name"), names[i]);
        assert_string_equal(text(out, i, "kind"), kinds[i]);
    }
    assert_string_equal(text(out, 0, "target"), "usr/bin");
    assert_string_equal(text(out, 0, "leadsTo"), "folder");
    assert_string_equal(text(out, 5, "target"), "/nowhere");
    assert_null(text(out, 5, "leadsTo"));
    assert_string_equal(text(out, 1, "user"), "root");
    assert_string_equal(text(out, 3, "user"), ""); // no name: no UTF-8
    assert_int_equal(number(json_array_get(json_object_get(out, "entries"), 2), "mode"), 04755);
    assert_int_equal(number(out, "leftOut"), 7);
    assert_true(json_is_true(json_object_get(out, "more")));
    json_decref(out);
    finish(&self);
}

static void test_names_that_are_none(void **test) {
    (void)test;
    answer self = {.message = HOLM__AGENT__V1__FOLDER_RESPONSE__INIT};
    char longest[257];
    memset(longest, 'x', sizeof longest);
    ADD("", S_IFREG);
    ADD(".", S_IFDIR);
    ADD("..", S_IFDIR);
    ADD("../up", S_IFREG);
    ADD("a\0b", S_IFREG);
    add(&self, longest, 256, S_IFREG, NULL, 0);
    ADD("no kind", 0644);
    add(&self, "link", 4, S_IFLNK, "", 0);
    add(&self, longest, 255, S_IFREG, NULL, 0);
    ADD("\xff\x1b[2J", S_IFREG);
    ADD("\x1b]0;title\a", S_IFREG);
    json_t *out = holm_folder_document(&self.message);
    assert_int_equal(json_array_size(json_object_get(out, "entries")), 4);
    assert_int_equal(number(out, "leftOut"), 7);
    assert_string_equal(text(out, 0, "name"), "\x1b]0;title\a"); // for holm_text_escape
    assert_null(text(out, 0, "nameHex"));
    assert_string_equal(text(out, 1, "name"), "link");
    assert_string_equal(text(out, 3, "name"), "\\xff\\x1b[2J");
    assert_string_equal(text(out, 3, "nameHex"), "ff1b5b324a");
    json_decref(out);
    finish(&self);
}

static void test_more_than_there_may_be(void **test) {
    (void)test;
    answer self = {.message = HOLM__AGENT__V1__FOLDER_RESPONSE__INIT};
    for (size_t i = 0; i < HOLM_FOLDER_ENTRIES_MOST + 10; i++)
        ADD("same", S_IFREG);
    self.message.left_out = UINT64_MAX;
    json_t *out = holm_folder_document(&self.message);
    assert_int_equal(json_array_size(json_object_get(out, "entries")), HOLM_FOLDER_ENTRIES_MOST);
    assert_int_equal(number(out, "leftOut"), (long long)INT32_MAX + 10);
    json_decref(out);
    finish(&self);
}

static json_t *read_file(const char *content, size_t length, uint64_t size) {
    Holm__Agent__V1__FileResponse message = HOLM__AGENT__V1__FILE_RESPONSE__INIT;
    message.content = (ProtobufCBinaryData){length, (uint8_t *)content};
    message.size = size;
    return holm_file_document(&message);
}

static void test_text_for_a_screen(void **test) {
    (void)test;
    static const char content[] = "one\r\n\ta\tb\n\x1b[31mred\xff\n\nlast \xc3\xb6\tx";
    json_t *out = read_file(content, sizeof content - 1, 5000);
    assert_string_equal(json_string_value(json_object_get(out, "text")),
                        "one\n        a       b\n\\x1b[31mred\\xff\n\nlast \xc3\xb6  x\n");
    assert_int_equal(number(out, "sizeBytes"), 5000);
    assert_int_equal(number(out, "shownBytes"), sizeof content - 1);
    assert_false(json_is_true(json_object_get(out, "binary")));
    json_decref(out);
    out = read_file("\x7f"
                    "ELF\0",
                    5, 2);
    assert_true(json_is_true(json_object_get(out, "binary")));
    assert_string_equal(json_string_value(json_object_get(out, "text")), "");
    assert_int_equal(number(out, "sizeBytes"), 5); // never less than what came
    json_decref(out);
    out = read_file(NULL, 0, 0);
    assert_string_equal(json_string_value(json_object_get(out, "text")), "");
    json_decref(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders_come_first), cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_more_than_there_may_be), cmocka_unit_test(test_text_for_a_screen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
