// Containers as rows and folders: made, found lost, swept, removed, also after a kill at any step.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/container/container.h"

typedef struct fixture {
    char root[64];
    paths where;
    char *disk;
    state *db;
    json_t *image;
} fixture;

static int setup(void **data) {
    fixture *self = calloc(1, sizeof *self);
    strcpy(self->root, "/tmp/holm-ctr-XXXXXX");
    assert_non_null(mkdtemp(self->root));
    self->where =
        (paths){.data = path_join(self->root, "d", NULL), .runtime = path_join(self->root, "r", NULL)};
    assert_int_equal(path_make_directories(self->where.data, NULL), 0);
    self->disk = path_join(self->root, "empty", NULL);
    assert_int_equal(file_write(self->disk, "disk", 4, NULL), 0);
    self->db = state_open(self->where.data, NULL);
    assert_non_null(self->db);
    self->image = json_loads("{\"id\": \"sha256:aa\", \"configuration\": {\"references\": [], \"process\": "
                             "{\"command\": [\"/bin/true\"]}}, \"status\": {\"layers\": []}}",
                             0, NULL);
    assert_int_equal(state_image_put(self->db, "docker.io/library/i:latest", self->image, NULL), 0);
    *data = self;
    return 0;
}

static int teardown(void **data) {
    fixture *self = *data;
    state_close(self->db);
    json_decref(self->image);
    path_remove_tree(self->root, NULL);
    free(self->disk);
    paths_finish(&self->where);
    free(self);
    return 0;
}

static json_t *create(fixture *self, state *db, const char *name, holm_error **error) {
    json_t *request = json_pack("{s:s, s:s}", "image", "i", "name", name);
    json_t *document = container_create(&self->where, db, request, self->image, self->disk, NULL, error);
    json_decref(request);
    return document;
}

static size_t row_count(fixture *self) {
    json_t *rows = state_container_list(self->db, true, NULL);
    size_t count = json_array_size(rows);
    json_decref(rows);
    return count;
}

// Folders of containers, whole, new or gone.
static size_t folder_count(fixture *self) {
    cleanup_free char *path = path_join(self->where.data, "containers", NULL);
    cleanup_directory DIR *directory = opendir(path);
    size_t count = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        count += strlen(entry->d_name) >= 64;
    return count;
}

static void created_and_removed(void **data) {
    fixture *self = *data;
    json_t *document = create(self, self->db, "web", NULL);
    assert_non_null(document);
    const char *id = json_string_value(json_object_get(document, "id"));
    assert_true(container_id_valid(id));
    cleanup_free char *folder = container_folder(&self->where, id);
    cleanup_free char *disk = path_join(folder, "rw.ext4", NULL);
    assert_int_equal(access(disk, R_OK), 0);
    holm_error *error = NULL;
    assert_null(create(self, self->db, "web", &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_EXISTS);
    holm_error_free(error);
    assert_int_equal(folder_count(self), 1);
    assert_int_equal(container_remove(&self->where, self->db, id, false, NULL), 0);
    assert_int_equal(row_count(self), 0);
    assert_int_equal(folder_count(self), 0);
    json_decref(document);
}

static void set_state(fixture *self, const char *id, const char *now) {
    json_t *changes = json_pack("{s:s}", "state", now);
    assert_int_equal(state_container_update(self->db, id, NULL, changes, NULL), 0);
    json_decref(changes);
}

static void a_lost_shim_is_noticed(void **data) {
    fixture *self = *data;
    json_t *document = create(self, self->db, "web", NULL);
    const char *id = json_string_value(json_object_get(document, "id"));
    set_state(self, id, "running");
    cleanup_free char *lock = path_format("%s/containers/%s/lock", self->where.data, id);
    int fd = file_lock(lock, true, false, NULL);
    assert_true(container_is_alive(&self->where, id));
    assert_int_equal(container_reconcile_all(&self->where, self->db, NULL), 0);
    json_t *now = state_container_get(self->db, id, NULL);
    assert_string_equal(json_string_value(json_object_get(json_object_get(now, "status"), "state")),
                        "running");
    json_decref(now);
    assert_int_equal(container_remove(&self->where, self->db, id, false, NULL), -1);
    close(fd);
    assert_int_equal(container_reconcile_all(&self->where, self->db, NULL), 0);
    now = state_container_get(self->db, id, NULL);
    json_t *status = json_object_get(now, "status");
    assert_string_equal(json_string_value(json_object_get(status, "state")), "exited");
    assert_string_equal(json_string_value(json_object_get(status, "reason")), "shim-lost");
    assert_int_equal(json_integer_value(json_object_get(status, "exitCode")), 137);
    json_decref(now);
    json_decref(document);
}

// ---- mounts ----

static json_t *mount_of(const char *type, const char *source, const char *place) {
    return strcmp(type, "tmpfs") == 0
               ? json_pack("{s:[{s:s, s:[]}]}", "tmpfs", "destination", place, "options")
               : json_pack("{s:[{s:s, s:s, s:s, s:b}]}", "mounts", "type", type, "source", source,
                           "destination", place, "readOnly", 0);
}

static void expect_mount(fixture *self, const char *id, const char *type, const char *place,
                         holm_error_code code) {
    cleanup_error holm_error *error = NULL;
    json_t *asked = mount_of(type, "/somewhere", place);
    int result = container_mount_add_at_rest(&self->where, self->db, id, asked, &error);
    json_decref(asked);
    assert_int_equal(result, code ? -1 : 0);
    assert_int_equal(code ? holm_error_code_of(error) : 0, code);
}

static void expect_unmount(fixture *self, const char *id, const char *place, holm_error_code code) {
    cleanup_error holm_error *error = NULL;
    assert_int_equal(container_mount_remove_at_rest(&self->where, self->db, id, place, &error),
                     code ? -1 : 0);
    assert_int_equal(code ? holm_error_code_of(error) : 0, code);
}

static size_t events_of(fixture *self, const char *action) {
    json_t *events = state_event_list(self->db, 0, 1000, NULL, NULL), *event;
    size_t index, count = 0;
    json_array_foreach (events, index, event)
        count += strcmp(json_string_value(json_object_get(event, "action")), action) == 0;
    json_decref(events);
    return count;
}

static void mounts_come_and_go(void **data) {
    fixture *self = *data;
    json_t *document = create(self, self->db, "web", NULL);
    const char *id = json_string_value(json_object_get(document, "id"));
    expect_mount(self, id, "bind", "/data/", 0);
    expect_mount(self, id, "bind", "//data", HOLM_ERROR_EXISTS);
    expect_mount(self, id, "tmpfs", "/data", HOLM_ERROR_EXISTS);
    expect_mount(self, id, "bind", "/data/in", 0);
    expect_mount(self, id, "bind", "/database", 0); // which is not in /data
    expect_mount(self, id, "tmpfs", "/fast", 0);
    expect_mount(self, id, "bind", "/fast/in", HOLM_ERROR_INVALID);
    expect_mount(self, id, "tmpfs", "/fast/in", 0);
    expect_mount(self, id, "bind", "/deep/down/here", 0);
    expect_mount(self, id, "bind", "/deep", HOLM_ERROR_IN_USE);
    expect_mount(self, id, "volume", "/volume", HOLM_ERROR_NOT_FOUND);
    const char *const wrong[] = {"/", "//", "/a/../b", "/./a", "data", ""};
    for (size_t i = 0; i < array_length(wrong); i++)
        expect_mount(self, id, "bind", wrong[i], HOLM_ERROR_INVALID);
    expect_unmount(self, id, "/data", HOLM_ERROR_IN_USE);
    expect_unmount(self, id, "/dat", HOLM_ERROR_NOT_FOUND);
    expect_unmount(self, id, "/fast", HOLM_ERROR_IN_USE);
    expect_unmount(self, id, "/fast/in", 0);
    expect_unmount(self, id, "/data/in/", 0);
    expect_unmount(self, id, "/data", 0);
    json_t *now = state_container_get(self->db, id, NULL),
           *configuration = json_object_get(now, "configuration");
    assert_int_equal(json_array_size(json_object_get(configuration, "mounts")), 2);
    assert_int_equal(json_array_size(json_object_get(configuration, "tmpfs")), 1);
    json_decref(now);
    assert_int_equal(events_of(self, "mount"), 6);
    assert_int_equal(events_of(self, "unmount"), 3);
    for (int i = 2; i < CONFIGURATION_MOUNTS_MOST; i++) {
        cleanup_free char *place = path_format("/more/%d", i);
        expect_mount(self, id, "bind", place, 0);
    }
    expect_mount(self, id, "bind", "/more/than", HOLM_ERROR_LIMIT);
    cleanup_free char *lock = path_format("%s/containers/%s/lock", self->where.data, id);
    set_state(self, id, "running");
    int fd = file_lock(lock, true, false, NULL); // a shim has it
    expect_mount(self, id, "bind", "/late", HOLM_ERROR_IN_USE);
    expect_unmount(self, id, "/more/3", HOLM_ERROR_IN_USE);
    close(fd);
    json_decref(document);
}

// Runs create or remove in a child that a fault point kills, and puts it right.
static void kill_at(fixture *self, const char *fault, const char *remove_id) {
    state_close(steal_pointer(&self->db)); // never carried across fork
    pid_t child = fork();
    if (child == 0) {
        setenv("HOLM_FAULT", fault, 1);
        state *db = state_open(self->where.data, NULL);
        if (remove_id)
            container_remove(&self->where, db, remove_id, false, NULL);
        else
            create(self, db, "victim", NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    self->db = state_open(self->where.data, NULL);
    assert_non_null(self->db);
    assert_int_equal(container_reconcile_all(&self->where, self->db, NULL), 0);
}

static void a_kill_in_create_leaves_nothing_half(void **data) {
    fixture *self = *data;
    static const char *const faults[] = {"create.locked", "create.folder-made", "create.disk-copied",
                                         "create.configuration-written", "create.folder-renamed"};
    for (size_t i = 0; i < array_length(faults); i++) {
        kill_at(self, faults[i], NULL);
        assert_int_equal(row_count(self), 0);
        assert_int_equal(folder_count(self), 0);
    }
    kill_at(self, "create.row-written", NULL);
    assert_int_equal(row_count(self), 1);
    assert_int_equal(folder_count(self), 1);
}

static void a_kill_in_remove_leaves_nothing_half(void **data) {
    fixture *self = *data;
    static const char *const faults[] = {"remove.locked", "remove.folder-renamed", "remove.row-deleted",
                                         "remove.folder-deleted"};
    for (size_t i = 0; i < array_length(faults); i++) {
        json_t *document = create(self, self->db, "web", NULL);
        const char *id = json_string_value(json_object_get(document, "id"));
        kill_at(self, faults[i], id);
        assert_int_equal(row_count(self), i == 0 ? 1 : 0);
        assert_int_equal(folder_count(self), i == 0 ? 1 : 0);
        if (i == 0)
            assert_int_equal(container_remove(&self->where, self->db, id, false, NULL), 0);
        json_decref(document);
    }
}

static void ids_are_checked(void **data) {
    (void)data;
    assert_false(container_id_valid("../../x"));
    assert_false(container_id_valid("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeF"));
    assert_true(container_id_valid("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(created_and_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(mounts_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_shim_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kill_in_create_leaves_nothing_half, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kill_in_remove_leaves_nothing_half, setup, teardown),
        cmocka_unit_test(ids_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
