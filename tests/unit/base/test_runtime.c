// Where the sockets are: one folder for each data folder, whatever the environment says.

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
#include <unistd.h>

#include "core/base/path_runtime.h"

typedef struct fixture {
    char folder[32];
    char *session, *first, *second;
} fixture;

static int set_up(void **test) {
    fixture *self = calloc(1, sizeof *self);
    strcpy(self->folder, "/tmp/holm-runtime-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    self->session = path_join(self->folder, "session", NULL);
    self->first = path_join(self->folder, "first", NULL);
    self->second = path_join(self->folder, "second", NULL);
    const char *const all[] = {self->session, self->first, self->second};
    for (size_t i = 0; i < array_length(all); i++)
        assert_int_equal(mkdir(all[i], 0700), 0);
    setenv("XDG_RUNTIME_DIR", self->session, 1);
    *test = self;
    return 0;
}

static int tear_down(void **test) {
    fixture *self = *test;
    path_remove_tree(self->folder, NULL);
    free(self->session);
    free(self->first);
    free(self->second);
    free(self);
    return 0;
}

static void expect(const char *data, const char *expected) {
    holm_error *error = NULL;
    char *found = path_runtime_find(data, &error);
    if (!found)
        fail_msg("%s", holm_error_message(error));
    assert_string_equal(found, expected);
    struct stat status;
    assert_int_equal(lstat(found, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    free(found);
}

static void test_data_folders_apart(void **test) {
    fixture *self = *test;
    cleanup_free char *usual = path_join(self->session, "holm", NULL);
    expect(self->first, usual);
    cleanup_free char *other = path_runtime_find(self->second, NULL);
    assert_non_null(other);
    assert_int_equal(strncmp(other, usual, strlen(usual)), 0);
    assert_int_equal(strlen(other), strlen(usual) + 9);
    expect(self->first, usual);
    expect(self->second, other);
    // The same folder by another name.
    cleanup_free char *link = path_join(self->folder, "link", NULL);
    assert_int_equal(symlink(self->first, link), 0);
    expect(link, usual);
}

// Paths that nobody else but this test may have made: its data folder's name is new, so is its sum.
static void expect_elsewhere(fixture *self) {
    holm_error *error = NULL;
    cleanup_free char *found = path_runtime_find(self->first, &error);
    if (!found)
        fail_msg("%s", holm_error_message(error));
    assert_int_not_equal(strncmp(found, self->folder, strlen(self->folder)), 0);
    assert_true(strlen(found) < 48);
    cleanup_free char *claim = path_join(found, "data", NULL);
    char owner[64] = "";
    assert_true(readlink(claim, owner, sizeof owner - 1) > 0);
    assert_string_equal(owner, self->first);
    path_remove_tree(found, NULL);
}

static void test_no_room_for_a_socket(void **test) {
    fixture *self = *test;
    char name[100];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = 0;
    cleanup_free char *deep = path_join(self->session, name, NULL);
    assert_int_equal(mkdir(deep, 0700), 0);
    setenv("XDG_RUNTIME_DIR", deep, 1);
    expect_elsewhere(self);
}

static void test_no_session(void **test) {
    fixture *self = *test;
    unsetenv("XDG_RUNTIME_DIR");
    expect_elsewhere(self);
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    expect_elsewhere(self);
    cleanup_free char *gone = path_join(self->session, "gone", NULL);
    setenv("XDG_RUNTIME_DIR", gone, 1);
    expect_elsewhere(self);
}

static void test_somebody_elses(void **test) {
    fixture *self = *test;
    cleanup_free char *usual = path_join(self->session, "holm", NULL);
    assert_int_equal(symlink(self->second, usual), 0);
    holm_error *error = NULL;
    assert_null(path_runtime_find(self->first, &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_DENIED);
    holm_error_free(error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_data_folders_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_room_for_a_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_somebody_elses, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
