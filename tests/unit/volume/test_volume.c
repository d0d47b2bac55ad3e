// Volumes: made with their file, held by the containers that mount them, gone with their file.
#include "tests/unit/store/state_fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/volume/volume.h"

static const char container_id[] = "aa00000000000000000000000000000000000000000000000000000000000000";

typedef struct lab {
    paths where;
    state *db;
    char *empty;
} lab;

static int setup(void **test) {
    lab *self = calloc(1, sizeof *self);
    void *folder = NULL;
    if (!self || folder_setup(&folder) < 0)
        return -1;
    self->where.data = folder;
    self->db = open_state(&folder);
    self->empty = path_join(folder, "empty", NULL);
    *test = self;
    return file_write(self->empty, "disk", 4, NULL);
}

static int teardown(void **test) {
    lab *self = *test;
    state_close(self->db);
    path_remove_tree(self->where.data, NULL);
    free(self->where.data);
    free(self->empty);
    free(self);
    return 0;
}

#define WORKS ((holm_error_code)-1)

// WORKS, or the error that is expected.
static json_t *make(lab *self, json_t *configuration, holm_error_code expected) {
    holm_error *error = NULL;
    json_t *made = NULL;
    if (volume_complete(configuration, &error) == 0)
        made = volume_create(&self->where, self->db, configuration, self->empty, &error);
    json_decref(configuration);
    assert_int_equal(made == NULL, expected != WORKS);
    if (error)
        assert_int_equal(holm_error_code_of(error), expected);
    holm_error_free(error);
    return made;
}

static bool has_file(lab *self, const json_t *document) {
    char *path = volume_disk(&self->where, document);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static void test_names_and_sizes(void **test) {
    json_t *made = make(*test, json_pack("{s:s}", "name", "data"), WORKS);
    const json_t *configuration = json_object_get(made, "configuration");
    assert_int_equal(json_integer_value(json_object_get(configuration, "sizeBytes")), VOLUME_SIZE_DEFAULT);
    assert_true(has_file(*test, made));
    json_decref(made);
    assert_null(make(*test, json_pack("{s:s}", "name", "data"), HOLM_ERROR_EXISTS));
    assert_null(make(*test, json_pack("{s:s}", "name", "../up"), HOLM_ERROR_INVALID));
    assert_null(make(*test, json_pack("{s:s}", "name", "x"), HOLM_ERROR_INVALID));
    assert_null(make(*test, json_pack("{s:s, s:i}", "name", "small", "sizeBytes", 4096), HOLM_ERROR_INVALID));
    assert_null(make(*test, json_pack("{s:s, s:i}", "name", "more", "colour", 1), HOLM_ERROR_INVALID));
    made = make(*test, json_pack("{s:s, s:{s:i}}", "name", "log", "journal", "sizeBytes", 8 << 20), WORKS);
    configuration = json_object_get(made, "configuration");
    assert_string_equal(json_string_value(json_object_get(json_object_get(configuration, "journal"), "mode")),
                        "ordered");
    json_decref(made);
    static const char *const journals[] = {"{\"mode\": \"none\"}", "{\"sizeBytes\": 4096}",
                                           "{\"colour\": 1}",      "{}",
                                           "{\"mode\": 1}",        "{\"sizeBytes\": 2147483648}"};
    for (size_t i = 0; i < array_length(journals); i++)
        assert_null(make(*test,
                         json_pack("{s:s, s:o}", "name", "bad", "journal", json_loads(journals[i], 0, NULL)),
                         HOLM_ERROR_INVALID));
    made = make(*test, json_object(), WORKS);
    assert_int_equal(strlen(json_string_value(json_object_get(made, "id"))), 64);
    assert_true(json_is_true(json_object_get(json_object_get(made, "configuration"), "anonymous")));
    json_decref(made);
}

static void test_held_by_a_container(void **test) {
    lab *self = *test;
    json_decref(make(self, json_pack("{s:s}", "name", "data"), WORKS));
    json_t *container = container_document(container_id, "web", NULL);
    json_object_set_new(json_object_get(container, "configuration"), "mounts",
                        json_pack("[{s:s, s:s}]", "type", "volume", "source", "data"));
    assert_int_equal(state_container_insert(self->db, container, NULL), 0);
    json_decref(container);

    json_t *document = state_volume_get(self->db, "data", NULL);
    const json_t *user =
        json_array_get(json_object_get(json_object_get(document, "status"), "containers"), 0);
    assert_string_equal(json_string_value(json_object_get(user, "name")), "web");
    holm_error *error = NULL;
    assert_int_equal(volume_remove(&self->where, self->db, document, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_IN_USE);
    assert_non_null(strstr(holm_error_message(error), "web"));
    holm_error_free(error);
    assert_true(has_file(self, document));

    assert_int_equal(state_container_delete(self->db, container_id, NULL), 0);
    assert_int_equal(volume_remove(&self->where, self->db, document, NULL), 0);
    assert_false(has_file(self, document));
    assert_null(state_volume_get(self->db, "data", NULL));
    json_decref(document);
}

// Only those without a name, and of them only those that nobody else mounts.
static void test_anonymous_go_with_their_container(void **test) {
    lab *self = *test;
    json_t *own = make(self, json_object(), WORKS), *shared = make(self, json_object(), WORKS);
    json_decref(make(self, json_pack("{s:s}", "name", "data"), WORKS));
    json_t *mounts =
        json_pack("[{s:s, s:O}, {s:s, s:O}, {s:s, s:s}, {s:s, s:s}]", "type", "volume", "source",
                  json_object_get(own, "id"), "type", "volume", "source", json_object_get(shared, "id"),
                  "type", "volume", "source", "data", "type", "bind", "source", "/");
    json_t *other = container_document(container_id, "web", NULL);
    json_object_set_new(json_object_get(other, "configuration"), "mounts",
                        json_pack("[{s:s, s:O}]", "type", "volume", "source", json_object_get(shared, "id")));
    assert_int_equal(state_container_insert(self->db, other, NULL), 0);
    json_t *configuration = json_pack("{s:o}", "mounts", mounts);
    json_t *gone = volume_delete_anonymous(self->db, configuration);
    assert_int_equal(json_array_size(gone), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(gone, 0), "id")),
                        json_string_value(json_object_get(own, "id")));
    assert_int_equal(volume_unlink(&self->where, json_array_get(gone, 0), NULL), 0);
    assert_false(has_file(self, own));
    assert_true(has_file(self, shared));
    json_t *left = state_volume_list(self->db, NULL);
    assert_int_equal(json_array_size(left), 2);
    json_decref(left);
    json_decref(gone);
    json_decref(configuration);
    json_decref(other);
    json_decref(own);
    json_decref(shared);
}

// A file takes the place of another under the lock; who holds the old one does not hold the volume.
static void test_another_file(void **test) {
    lab *self = *test;
    json_t *document = make(self, json_pack("{s:s}", "name", "data"), WORKS);
    cleanup_close int reader = volume_open(&self->where, document, false, NULL);
    assert_true(reader >= 0);
    holm_error *error = NULL;
    assert_int_equal(volume_open(&self->where, document, true, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_IN_USE);
    holm_error_free(error);
    close(steal_fd(&reader));
    cleanup_close int writer = volume_open(&self->where, document, true, NULL);
    assert_true(writer >= 0);
    volume_draft draft, unused;
    assert_int_equal(volume_draft_make(&self->where, self->empty, &draft, NULL), 0);
    assert_int_equal(volume_draft_make(&self->where, self->empty, &unused, NULL), 0);
    cleanup_free char *left = strdup(unused.path);
    assert_int_equal(volume_draft_replace(&self->where, self->db, document, 1 << 30, &draft, NULL), 0);
    assert_false(has_file(self, document));
    volume_draft_finish(&draft);
    volume_draft_finish(&unused);
    assert_int_equal(access(left, F_OK), -1);
    json_t *now = state_volume_get(self->db, "data", NULL);
    assert_true(has_file(self, now));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(now, "configuration"), "sizeBytes")),
                     1 << 30);
    cleanup_close int again = volume_open(&self->where, now, true, NULL);
    assert_true(again >= 0);
    json_decref(now);
    json_decref(document);
}

static void test_sweep(void **test) {
    lab *self = *test;
    json_t *document = make(self, json_pack("{s:s}", "name", "data"), WORKS);
    char *left = path_join(self->where.data, "volumes", "left.ext4", NULL);
    assert_int_equal(file_write(left, "disk", 4, NULL), 0);
    assert_int_equal(volume_sweep(&self->where, self->db, NULL), 0);
    assert_int_equal(access(left, F_OK), -1);
    assert_true(has_file(self, document));
    free(left);
    json_decref(document);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names_and_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_held_by_a_container, setup, teardown),
        cmocka_unit_test_setup_teardown(test_anonymous_go_with_their_container, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sweep, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
