// The ready pool's bookkeeping: which containers can have a spare, and what is left of those that died.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/container/spare.h"

#define SHAPE "0123456789abcdef"

typedef struct house {
    paths where;
    char folder[64];
} house;

static house *house_create(void) {
    house *made = calloc(1, sizeof *made);
    strcpy(made->folder, "/tmp/spare-XXXXXX");
    assert_non_null(mkdtemp(made->folder));
    made->where.runtime = made->where.data = made->where.cache = made->folder;
    return made;
}

static void house_destroy(house *self) {
    path_remove_tree(self->folder, NULL);
    free(self);
}

static int add(const house *self, const char *name) {
    cleanup_free char *folder = spare_folder(&self->where, name), *lock = path_join(folder, "lock", NULL);
    assert_int_equal(path_make_directories(folder, NULL), 0);
    return file_lock(lock, true, false, NULL);
}

static bool is_there(const house *self, const char *name) {
    cleanup_free char *folder = spare_folder(&self->where, name);
    return access(folder, F_OK) == 0;
}

static void test_listed_while_it_lives(void **unused) {
    (void)unused;
    house *self = house_create();
    int lock = add(self, SHAPE "-00000001");
    close(add(self, SHAPE "-00000002"));
    json_t *list = spare_list(&self->where);
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "shape")), SHAPE);
    assert_true(json_is_false(json_object_get(json_array_get(list, 0), "ready")));
    json_decref(list);
    close(lock);
    house_destroy(self);
}

static void test_dead_ones_go(void **unused) {
    (void)unused;
    house *self = house_create();
    int lock = add(self, SHAPE "-00000001");
    close(add(self, SHAPE "-00000002"));
    close(add(self, "not-a-spare"));
    spare_trim(&self->where, 0);
    assert_false(is_there(self, SHAPE "-00000002"));
    assert_true(is_there(self, "not-a-spare"));
    // One that is not ready yet finds a mark that it is to end.
    cleanup_free char *folder = spare_folder(&self->where, SHAPE "-00000001");
    cleanup_free char *mark = path_join(folder, SPARE_ENDS, NULL);
    assert_int_equal(access(mark, F_OK), 0);
    close(lock);
    house_destroy(self);
}

static void test_nobody_to_send_to(void **unused) {
    (void)unused;
    house *self = house_create();
    close(add(self, SHAPE "-00000001"));
    assert_int_equal(spare_send(&self->where, SHAPE, "{}", -1, -1), -1);
    assert_int_equal(spare_send(&self->where, "fedcba9876543210", "{}", -1, -1), -1);
    house_destroy(self);
}

// Containers that bring more than disks and cards start without.
static void test_not_for_all(void **unused) {
    (void)unused;
    house *self = house_create();
    static const char *const configurations[] = {"{\"mounts\": [{}]}", "{\"sockets\": [{}]}",
                                                 "{\"ssh\": true}",
                                                 "{\"resources\": {\"memoryPriority\": \"low\"}}", "{}"};
    for (size_t i = 0; i < sizeof configurations / sizeof *configurations; i++) {
        json_t *document =
            json_pack("{s:s, s:o}", "id", "x", "configuration", json_loads(configurations[i], 0, NULL));
        assert_null(spare_describe(&self->where, document, NULL, &(container_launch_options){.pool = 1}));
        json_decref(document);
    }
    house_destroy(self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listed_while_it_lives),
        cmocka_unit_test(test_dead_ones_go),
        cmocka_unit_test(test_nobody_to_send_to),
        cmocka_unit_test(test_not_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
