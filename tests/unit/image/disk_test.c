// Empty disks: clean for e2fsck, of the size asked for, and almost free.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/base/path.h"
#include "core/image/disk.h"

static char folder[] = "/tmp/holm-disk-XXXXXX";

static int folder_make(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state) {
    (void)state;
    return path_remove_tree(folder, NULL);
}

static void check_size(uint64_t size, uint64_t room) {
    cleanup_free char *path = path_join(folder, "disk", NULL);
    cleanup_error holm_error *error = NULL;
    assert_int_equal(disk_make(path, size, NULL, &error), 0);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, size - size % 4096);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_true((uint64_t)status.st_blocks * 512 <= room);
    cleanup_free char *command = path_format(E2FSCK " -fn %s >/dev/null 2>&1", path);
    assert_int_equal(system(command), 0);
    assert_int_equal(unlink(path), 0);
}

static void test_sizes(void **state) {
    (void)state;
    check_size(UINT64_C(16) << 20, 64 << 10);
    check_size(40000001, 64 << 10);
    check_size(UINT64_C(1) << 30, 128 << 10);
    check_size(UINT64_C(512) << 30, 1 << 20);
}

static void test_refused(void **state) {
    (void)state;
    cleanup_free char *path = path_join(folder, "disk", NULL);
    const uint64_t sizes[] = {0, 4096, (UINT64_C(16) << 20) - 1, UINT64_C(1) << 50};
    for (size_t i = 0; i < array_length(sizes); i++) {
        cleanup_error holm_error *error = NULL;
        assert_int_equal(disk_make(path, sizes[i], NULL, &error), -1);
        assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INVALID);
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void test_journals(void **state) {
    (void)state;
    static const struct {
        disk_journal journal;
        int result;
    } cases[] = {{{"writeback", 8 << 20}, 0}, {{"journal", 0}, 0}, {{NULL, 32 << 20}, 0}, {{"none", 0}, -1},
                 {{"../up", 0}, -1},          {{NULL, 4096}, -1},  {{NULL, 48 << 20}, -1}};
    cleanup_free char *path = path_join(folder, "disk", NULL);
    cleanup_free char *command = path_format(E2FSCK " -fn %s >/dev/null 2>&1", path);
    for (size_t i = 0; i < array_length(cases); i++) {
        assert_int_equal(disk_make(path, UINT64_C(64) << 20, &cases[i].journal, NULL), cases[i].result);
        assert_int_equal(access(path, F_OK), cases[i].result);
        if (cases[i].result < 0)
            continue;
        assert_int_equal(system(command), 0);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_existing_is_kept(void **state) {
    (void)state;
    cleanup_free char *path = path_join(folder, "mine", NULL);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("mine", file);
    fclose(file);
    cleanup_error holm_error *error = NULL;
    assert_int_equal(disk_make(path, UINT64_C(16) << 20, NULL, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_EXISTS);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_journals),
        cmocka_unit_test(test_existing_is_kept),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
