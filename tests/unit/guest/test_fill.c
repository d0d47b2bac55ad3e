// Filling a new volume from the image's folder, with folders of the host in place of both.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "guest/fill.h"

typedef struct place {
    char folder[64];
    int from, to;
} place;

static void make_file(int folder, const char *name, const char *text, mode_t mode) {
    cleanup_close int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
    assert_int_equal(fchmod(fd, mode), 0);
}

static bool is_there(int folder, const char *name) {
    return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_made(const char *folder, const char *name) {
    cleanup_free char *path = path_join(folder, name, NULL);
    assert_int_equal(mkdir(path, 0755), 0);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int set_up(void **state) {
    place *self = calloc(1, sizeof *self);
    snprintf(self->folder, sizeof self->folder, "/tmp/holm-fill-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    self->from = open_made(self->folder, "from");
    self->to = open_made(self->folder, "to");
    make_file(self->from, "file", "content", 0640);
    assert_int_equal(linkat(self->from, "file", self->from, "again", 0), 0);
    assert_int_equal(symlinkat("/nowhere", self->from, "link"), 0);
    assert_int_equal(mkdirat(self->from, "below", 0711), 0);
    make_file(self->from, "below/file", "deep", 0400);
    *state = self;
    return 0;
}

static int tear_down(void **state) {
    place *self = *state;
    close(self->from);
    close(self->to);
    path_remove_tree(self->folder, NULL);
    free(self);
    return 0;
}

// The mark is for root alone, and not on every file system.
static void need_mark(const place *self) {
    if (fsetxattr(self->from, FILL_MARK, "", 0, 0) < 0)
        skip();
    fremovexattr(self->from, FILL_MARK);
}

static void expect_mark(const place *self, const char *wanted) {
    char value[16] = "";
    ssize_t length = fgetxattr(self->to, FILL_MARK, value, sizeof value - 1);
    assert_string_equal(length < 0 ? "" : value, wanted);
}

static void expect_all(const place *self) {
    struct stat file, again;
    char text[16] = "";
    assert_int_equal(fstatat(self->to, "file", &file, 0), 0);
    assert_int_equal(fstatat(self->to, "again", &again, 0), 0);
    assert_int_equal(file.st_mode & 07777, 0640);
    assert_int_equal(file.st_ino, again.st_ino);
    assert_int_equal(readlinkat(self->to, "link", text, sizeof text), 8);
    assert_int_equal(fstatat(self->to, "below", &file, 0), 0);
    assert_int_equal(file.st_mode & 07777, 0711);
    assert_true(is_there(self->to, "below/file"));
    expect_mark(self, FILL_DONE);
}

static void fills_once(void **state) {
    place *self = *state;
    need_mark(self);
    assert_int_equal(fill_volume(self->from, self->to, NULL), 0);
    expect_all(self);
    assert_int_equal(unlinkat(self->to, "file", 0), 0);
    assert_int_equal(fill_volume(self->from, self->to, NULL), 0);
    assert_false(is_there(self->to, "file"));
}

static void leaves_what_is_there(void **state) {
    place *self = *state;
    make_file(self->to, "own", "", 0600);
    assert_int_equal(fill_volume(self->from, self->to, NULL), 0);
    assert_false(is_there(self->to, "file"));
    assert_true(is_there(self->to, "own"));
    expect_mark(self, "");
}

// Whatever a machine that ended midway has left there.
static void begins_anew(void **state) {
    place *self = *state;
    need_mark(self);
    assert_int_equal(fsetxattr(self->to, FILL_MARK, FILL_BEGUN, strlen(FILL_BEGUN), 0), 0);
    make_file(self->to, "file", "half", 0600);
    assert_int_equal(mkdirat(self->to, "old", 0), 0);
    make_file(self->to, "old/file", "", 0);
    assert_int_equal(symlinkat(".", self->to, "again"), 0);
    cleanup_error holm_error *error = NULL;
    assert_int_equal(fill_check(self->to, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_STATE);
    assert_int_equal(fill_volume(self->from, self->to, NULL), 0);
    expect_all(self);
    assert_false(is_there(self->to, "old"));
    assert_int_equal(fill_check(self->to, NULL), 0);
}

static void empties_without_a_source(void **state) {
    place *self = *state;
    need_mark(self);
    assert_int_equal(fill_volume(-1, self->to, NULL), 0);
    expect_mark(self, "");
    assert_int_equal(fsetxattr(self->to, FILL_MARK, FILL_BEGUN, strlen(FILL_BEGUN), 0), 0);
    make_file(self->to, "half", "", 0600);
    assert_int_equal(fill_volume(-1, self->to, NULL), 0);
    assert_false(is_there(self->to, "half"));
    expect_mark(self, FILL_DONE);
}

static void bounds_the_depth(void **state) {
    place *self = *state;
    need_mark(self);
    cleanup_close int at = dup(self->from);
    for (unsigned depth = 0; depth < FILL_DEEPEST + 1; depth++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    cleanup_error holm_error *error = NULL;
    assert_int_equal(fill_volume(self->from, self->to, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_LIMIT);
    expect_mark(self, FILL_BEGUN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fills_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_what_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(begins_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(empties_without_a_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds_the_depth, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
