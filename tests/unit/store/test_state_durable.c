// What outlives a failure of power: counted by what SQLite asks the C library for, which is ours here.
#include "state_fixture.h"

#include <sys/syscall.h>

static unsigned syncs;

__attribute__((visibility("default"))) int fsync(int fd) {
    syncs++;
    return (int)syscall(SYS_fsync, fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd) {
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

static unsigned syncs_of(state *db, int (*begin)(state *self, holm_error **error), bool commit) {
    assert_int_equal(begin(db, NULL), 0);
    assert_int_equal(state_event_add(db, "volume", "create", "one", "one", NULL, NULL), 0);
    syncs = 0;
    assert_int_equal(state_end(db, commit, NULL), 0);
    return syncs;
}

static void test_only_where_asked(void **test) {
    cleanup_state state *db = open_state(test);
    syncs_of(db, state_begin, true); // the first writes the head of the log
    assert_int_equal(syncs_of(db, state_begin, true), 0);
    assert_int_equal(syncs_of(db, state_begin_durable, true), 1);
    assert_int_equal(syncs_of(db, state_begin, true), 0);
    assert_int_equal(syncs_of(db, state_begin_durable, false), 0);
    assert_int_equal(syncs_of(db, state_begin, true), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_where_asked, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
