// libholm against a data folder of its own, with no machine: lists, filters, truth, events, ends.

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

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/holm.h"
#include "core/store/state.h"

#define IMAGE "sha256:1111111111111111111111111111111111111111111111111111111111111111"

typedef struct world {
    char folder[64];
    uv_loop_t loop;
    holm_client *client;
    // Of the last answer.
    json_t *result;
    holm_error_code code; // 0: it went well
    char *message;
    unsigned answers;
} world;

static int setup(void **test) {
    world *self = calloc(1, sizeof *self);
    strcpy(self->folder, "/tmp/holm-client-XXXXXX");
    if (!mkdtemp(self->folder))
        return -1;
    static const char *const variables[] = {"XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
                                            "XDG_RUNTIME_DIR"};
    for (size_t i = 0; i < array_length(variables); i++) {
        cleanup_free char *path = path_format("%s/%zu", self->folder, i);
        mkdir(path, 0700);
        setenv(variables[i], path, 1);
    }
    unsetenv("HOLM_CONFIG");
    uv_loop_init(&self->loop);
    self->client = holm_client_create(&self->loop, NULL);
    *test = self;
    return self->client ? 0 : -1;
}

static int teardown(void **test) {
    world *self = *test;
    holm_client_destroy(self->client);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    int left = uv_loop_close(&self->loop); // nothing may be left behind on the loop
    json_decref(self->result);
    free(self->message);
    path_remove_tree(self->folder, NULL);
    free(self);
    return left;
}

static state *open_state(const world *self) {
    cleanup_free char *data = path_join(self->folder, "0/holm", NULL);
    return state_open(data, NULL);
}

// A container as create leaves it, row and folder.
static void add_container(const world *self, int number, const char *name, const char *now) {
    cleanup_state state *db = open_state(self);
    char id[80];
    snprintf(id, sizeof id, "%064x", number);
    json_t *document =
        json_pack("{s:s, s:{s:s, s:s, s:{s:s}}, s:{s:s}}", "id", id, "configuration", "name", name, "image",
                  "docker.io/library/busybox:1.36", "labels", "tier", name, "status", "state", now);
    assert_int_equal(state_container_insert(db, document, NULL), 0);
    json_decref(document);
    cleanup_free char *folder = path_join(self->folder, "0/holm/containers", id, "log", NULL);
    assert_int_equal(path_make_directories(folder, NULL), 0);
}

static void keep_answer(json_t *result, const holm_error *error, void *data) {
    world *self = data;
    json_decref(self->result);
    free(self->message);
    self->result = json_incref(result);
    self->code = error ? holm_error_code_of(error) : 0;
    self->message = error ? strdup(holm_error_message(error)) : NULL;
    self->answers++;
}

static void run(world *self) {
    uv_run(&self->loop, UV_RUN_DEFAULT);
}

static size_t count_of(world *self, bool all, json_t *filters) {
    holm_container_list(self->client, all, filters, keep_answer, self);
    json_decref(filters);
    run(self);
    assert_int_equal(self->code, 0);
    return json_array_size(self->result);
}

// The state of one of the doctor's checks.
static const char *checked(world *self, const char *name) {
    size_t i;
    json_t *check;
    holm_system_doctor(self->client, keep_answer, self);
    run(self);
    assert_int_equal(self->code, 0);
    json_array_foreach (self->result, i, check) {
        assert_true(json_string_length(json_object_get(check, "looked")) > 0);
        assert_true(json_string_length(json_object_get(check, "found")) > 0);
        const char *now = json_string_value(json_object_get(check, "state"));
        if (strcmp(now, "missing") == 0)
            assert_true(json_string_length(json_object_get(check, "advice")) > 0);
        if (strcmp(json_string_value(json_object_get(check, "name")), name) == 0)
            return now;
    }
    fail_msg("the doctor has no check %s", name);
    return NULL;
}

static void test_doctor(void **test) {
    world *self = *test;
    unsetenv("HOLM_KERNEL");
    assert_string_equal(checked(self, "guest kernel"), "missing");
    cleanup_free char *kernels = path_join(self->folder, "1/holm/kernel", NULL);
    cleanup_free char *lock = path_join(kernels, "build.lock", NULL);
    cleanup_free char *percent = path_join(kernels, "build.percent", NULL);
    assert_int_equal(path_make_directories(kernels, NULL), 0);
    assert_int_equal(file_write(percent, "40\n", 3, NULL), 0);
    cleanup_close int held = file_lock(lock, true, false, NULL);
    holm_system_information(self->client, keep_answer, self);
    run(self);
    assert_true(json_is_null(json_object_get(self->result, "kernel")));
    assert_int_equal(json_integer_value(json_object_get(self->result, "kernelBuildPercent")), 40);
    close(steal_fd(&held)); // what is left of a build that was killed is none
    holm_system_information(self->client, keep_answer, self);
    run(self);
    assert_true(json_is_null(json_object_get(self->result, "kernelBuildPercent")));
    setenv("HOLM_KERNEL", percent, 1);
    assert_string_equal(checked(self, "guest kernel"), "good");
    unsetenv("HOLM_KERNEL");
    setenv("HOLM_QEMU", "/bin/false", 1);
    assert_string_equal(checked(self, "QEMU"), "missing");
    static const char endless[] = "#!/bin/sh\nexec yes version 9.9\n";
    cleanup_free char *program = path_join(self->folder, "endless", NULL);
    assert_int_equal(file_write(program, endless, sizeof endless - 1, NULL), 0);
    chmod(program, 0700);
    setenv("HOLM_QEMU", program, 1);
    assert_string_equal(checked(self, "QEMU"), "missing");
    unsetenv("HOLM_QEMU");
    cleanup_free char *data = path_join(self->folder, "0/holm", NULL);
    assert_string_equal(checked(self, "data folder"), "good");
    if (geteuid() != 0) { // root may write everywhere
        chmod(data, 0500);
        assert_string_equal(checked(self, "data folder"), "missing");
        chmod(data, 0700);
    }
}

static void test_list_and_filters(void **test) {
    world *self = *test;
    add_container(self, 1, "web", "exited");
    add_container(self, 2, "webber", "created");
    add_container(self, 3, "db", "exited");
    assert_int_equal(count_of(self, false, NULL), 0);
    assert_int_equal(count_of(self, true, NULL), 3);
    assert_int_equal(count_of(self, true, json_pack("{s:[s]}", "name", "web")), 2);
    assert_int_equal(count_of(self, true, json_pack("{s:[s, s]}", "name", "web", "db")), 3);
    assert_int_equal(count_of(self, false, json_pack("{s:[s]}", "status", "exited")), 2);
    assert_int_equal(count_of(self, true, json_pack("{s:[s]}", "label", "tier=db")), 1);
    assert_int_equal(count_of(self, true, json_pack("{s:[s]}", "label", "tier")), 3);
    assert_int_equal(count_of(self, true, json_pack("{s:[s]}", "ancestor", "busybox")), 3);
    assert_int_equal(count_of(self, true, json_pack("{s:[s]}", "ancestor", "busy")), 0);
    assert_int_equal(count_of(self, true, json_pack("{s:[s], s:[s]}", "name", "web", "status", "exited")), 1);
    json_t *unknown = json_pack("{s:[s]}", "color", "red");
    holm_container_list(self->client, true, unknown, keep_answer, self);
    json_decref(unknown);
    run(self);
    assert_int_equal(self->code, HOLM_ERROR_INVALID);
}

// A row that claims to run while nobody holds its lock is put right before it is shown.
static void test_a_lost_shim_is_noticed(void **test) {
    world *self = *test;
    add_container(self, 1, "lost", "running");
    assert_int_equal(count_of(self, false, NULL), 0);
    holm_container_inspect(self->client, "lost", keep_answer, self);
    run(self);
    const json_t *status = json_object_get(self->result, "status");
    assert_string_equal(json_string_value(json_object_get(status, "state")), "exited");
    assert_string_equal(json_string_value(json_object_get(status, "reason")), "shim-lost");
    holm_container_wait(self->client, "lost", keep_answer, self);
    run(self);
    assert_int_equal(json_integer_value(json_object_get(self->result, "exitCode")), 137);
}

static void test_states_are_told_apart(void **test) {
    world *self = *test;
    add_container(self, 1, "done", "exited");
    add_container(self, 2, "fresh", "created");
    holm_container_kill(self->client, "done", 9, keep_answer, self);
    run(self);
    assert_int_equal(self->code, HOLM_ERROR_STATE);
    holm_container_wait(self->client, "fresh", keep_answer, self);
    run(self);
    assert_int_equal(self->code, HOLM_ERROR_STATE);
    holm_container_stop(self->client, "done", 0, 0, keep_answer, self);
    run(self);
    assert_int_equal(self->code, 0);
    holm_container_inspect(self->client, "nobody", keep_answer, self);
    run(self);
    assert_int_equal(self->code, HOLM_ERROR_NOT_FOUND);
}

static void test_rename_and_remove(void **test) {
    world *self = *test;
    add_container(self, 1, "one", "exited");
    add_container(self, 2, "two", "exited");
    holm_container_rename(self->client, "one", "two", keep_answer, self);
    run(self);
    assert_int_equal(self->code, HOLM_ERROR_EXISTS);
    holm_container_rename(self->client, "one", "../x", keep_answer, self);
    run(self);
    assert_int_equal(self->code, HOLM_ERROR_INVALID);
    holm_container_rename(self->client, "one", "uno", keep_answer, self);
    run(self);
    assert_int_equal(self->code, 0);
    holm_container_remove(self->client, "uno", &(holm_remove_options){0}, keep_answer, self);
    run(self);
    assert_int_equal(self->code, 0);
    assert_int_equal(count_of(self, true, NULL), 1);
}

static void collect(holm_watch *watch, json_t *item, void *data) {
    world *self = data;
    (void)watch;
    if (!json_is_array(self->result)) {
        json_decref(self->result);
        self->result = json_array();
    }
    json_array_append(self->result, item);
    if (json_array_size(self->result) == 2)
        holm_watch_close(watch);
}

static void then_remove(json_t *result, const holm_error *error, void *data) {
    world *self = data;
    (void)result;
    assert_null(error);
    holm_container_remove(self->client, "000", &(holm_remove_options){0}, NULL, NULL);
}

static void test_events_arrive(void **test) {
    world *self = *test;
    add_container(self, 1, "one", "exited");
    holm_event_watch(self->client, 0, 0, 0, collect, NULL, self);
    // One after the other: requests run beside each other, and what is removed cannot be renamed.
    holm_container_rename(self->client, "one", "uno", then_remove, self);
    run(self);
    assert_int_equal(json_array_size(self->result), 2);
    const json_t *first = json_array_get(self->result, 0);
    assert_string_equal(json_string_value(json_object_get(first, "kind")), "container");
}

static void session_ended(holm_session *session, int exit_code, const holm_error *error, void *data) {
    (void)session;
    assert_int_equal(exit_code, -1);
    keep_answer(NULL, error, data);
}

static void test_session_of_what_does_not_run(void **test) {
    world *self = *test;
    add_container(self, 1, "one", "exited");
    holm_session_events events = {.ended = session_ended};
    holm_session_open(self->client, &(holm_session_options){.container = "one"}, &events, self);
    run(self);
    assert_int_equal(self->code, HOLM_ERROR_STATE);
    assert_non_null(strstr(self->message, "one"));
    holm_session *closed =
        holm_session_open(self->client, &(holm_session_options){.container = "one"}, &events, self);
    assert_false(holm_session_write(closed, "x", 1));
    holm_session_close(closed);
    unsigned before = self->answers;
    run(self);
    assert_int_equal(self->answers, before);
}

static void prune_containers(world *self, const char *key, const char *value) {
    json_t *filters = key ? json_pack("{s:[s]}", key, value) : NULL;
    holm_container_prune(self->client, filters, keep_answer, self);
    json_decref(filters);
    run(self);
}

static void test_prunes(void **test) {
    world *self = *test;
    add_container(self, 1, "one", "exited");
    add_container(self, 2, "two", "created");
    prune_containers(self, "colour", "red");
    assert_int_equal(self->code, HOLM_ERROR_INVALID);
    prune_containers(self, "until", "tomorrow");
    assert_int_equal(self->code, HOLM_ERROR_INVALID);
    prune_containers(self, "label", "a=b");
    assert_int_equal(self->code, 0);
    assert_int_equal(json_array_size(json_object_get(self->result, "deleted")), 0);
    holm_system_usage(self->client, keep_answer, self);
    run(self);
    const json_t *kind = json_object_get(self->result, "containers");
    assert_int_equal(json_integer_value(json_object_get(kind, "total")), 2);
    assert_int_equal(json_integer_value(json_object_get(kind, "active")), 0);
    prune_containers(self, "label!", "a");
    assert_int_equal(json_array_size(json_object_get(self->result, "deleted")), 2);
    assert_int_equal(count_of(self, true, NULL), 0);
    holm_system_prune(self->client, &(holm_prune_options){.volumes = true}, NULL, keep_answer, self);
    run(self);
    assert_int_equal(self->code, 0);
    assert_int_equal(json_integer_value(json_object_get(self->result, "reclaimedBytes")), 0);
}

static void test_create_without_image(void **test) {
    world *self = *test;
    holm_container_create(self->client, json_pack("{s:s}", "image", "nothing:1"), keep_answer, self);
    run(self);
    assert_int_equal(self->code, HOLM_ERROR_NOT_FOUND);
    holm_container_create(self->client, json_object(), keep_answer, self);
    run(self);
    assert_int_equal(self->code, HOLM_ERROR_INVALID);
}

/// The names in index.json, by which other tools find images.
static size_t count_index(const world *self) {
    cleanup_free char *path = path_join(holm_data_directory(self->client), "images/index.json", NULL);
    json_t *root = json_load_file(path, 0, NULL);
    size_t count = json_array_size(json_object_get(root, "manifests"));
    json_decref(root);
    return count;
}

static void test_images(void **test) {
    world *self = *test;
    cleanup_free char *blobs = path_join(holm_data_directory(self->client), "images/blobs/sha256", NULL);
    cleanup_free char *blob = path_join(blobs, strchr(IMAGE, ':') + 1, NULL);
    assert_int_equal(path_make_directories(blobs, NULL), 0);
    assert_int_equal(file_write(blob, "{}", 2, NULL), 0);
    cleanup_state state *db = open_state(self);
    json_t *document =
        json_pack("{s:s, s:{s:s}, s:{s:[{s:s, s:i}]}}", "id", IMAGE, "configuration", "platform",
                  "linux/amd64", "status", "layers", "file", "f", "unpackedBytes", 4096);
    assert_int_equal(state_image_put(db, "docker.io/library/alpine:3", document, NULL), 0);
    json_decref(document);
    holm_image_inspect(self->client, "alpine:3", keep_answer, self);
    run(self);
    assert_string_equal(json_string_value(json_object_get(self->result, "id")), IMAGE);
    holm_image_tag(self->client, "1111", "mine:5", keep_answer, self);
    run(self);
    assert_int_equal(self->code, 0);
    assert_int_equal(count_index(self), 2);
    json_t *filters = json_pack("{s:[s], s:[s], s:[s]}", "reference", "mine", "platform", "linux/amd64",
                                "dangling", "false");
    holm_image_list(self->client, filters, keep_answer, self);
    json_decref(filters);
    run(self);
    assert_int_equal(json_array_size(self->result), 1);
    const json_t *status = json_object_get(json_array_get(self->result, 0), "status");
    assert_int_equal(json_integer_value(json_object_get(status, "uniqueBytes")), 4096);
    assert_int_equal(json_integer_value(json_object_get(status, "sharedBytes")), 0);
    static const struct {
        const char *key, *value;
        int code;
    } others[] = {{"label", "a=b", 0},
                  {"dangling", "true", 0},
                  {"id", "2222", 0},
                  {"until", "tomorrow", HOLM_ERROR_INVALID},
                  {"colour", "red", HOLM_ERROR_INVALID},
                  {"before", "nothing:1", HOLM_ERROR_NOT_FOUND}};
    for (size_t i = 0; i < array_length(others); i++) {
        filters = json_pack("{s:[s]}", others[i].key, others[i].value);
        holm_image_list(self->client, filters, keep_answer, self);
        json_decref(filters);
        run(self);
        assert_int_equal(self->code, others[i].code);
        assert_int_equal(json_array_size(self->result), 0);
    }
    // Nothing of it is without a name, so the image worker is not even woken.
    holm_image_prune(self->client, false, NULL, keep_answer, self);
    run(self);
    assert_int_equal(self->code, 0);
    assert_int_equal(json_array_size(json_object_get(self->result, "deleted")), 0);
    holm_image_usage(self->client, keep_answer, self);
    run(self);
    assert_int_equal(json_integer_value(json_object_get(self->result, "total")), 1);
}

// The unit names this very program with this very configuration, quoted as systemd reads it.
static void test_unit(void **test) {
    world *self = *test;
    setenv("HOLM_KERNEL", "/a \"b\" 100%/k", 1);
    holm_system_enable(self->client, true, keep_answer, self);
    run(self);
    unsetenv("HOLM_KERNEL");
    assert_int_equal(self->code, 0);
    cleanup_free char *unit = strdup(json_string_value(json_object_get(self->result, "unit")));
    cleanup_free char *link =
        path_join(self->folder, "2/systemd/user/default.target.wants/holm.service", NULL);
    cleanup_free char *program = realpath("/proc/self/exe", NULL);
    cleanup_free char *command = path_format("\nExecStart=\"%s\" system start\n", program);
    cleanup_buffer buffer text = BUFFER_INIT, linked = BUFFER_INIT;
    assert_int_equal(file_read(unit, 65536, &text, NULL), 0);
    assert_int_equal(file_read(link, 65536, &linked, NULL), 0);
    assert_string_equal(buffer_text(&text), buffer_text(&linked));
    assert_non_null(strstr(buffer_text(&text), command));
    assert_non_null(strstr(buffer_text(&text), "Environment=\"HOLM_KERNEL=/a \\\"b\\\" 100%%/k\"\n"));
    holm_system_enable(self->client, true, keep_answer, self); // again is no error
    run(self);
    assert_int_equal(self->code, 0);
    for (int i = 0; i < 2; i++) {
        holm_system_enable(self->client, false, keep_answer, self);
        run(self);
        assert_int_equal(self->code, 0);
        assert_int_not_equal(access(unit, F_OK), 0);
    }
}

// Nothing with such a policy: nothing is started.
static void test_start_of_nothing(void **test) {
    world *self = *test;
    add_container(self, 1, "one", "exited");
    holm_system_start(self->client, keep_answer, self);
    run(self);
    assert_int_equal(self->code, 0);
    assert_int_equal(json_array_size(self->result), 0);
}

// What is under way when the client goes gets no answer, and leaves nothing behind (see teardown).
static void test_destroyed_under_way(void **test) {
    world *self = *test;
    holm_container_list(self->client, true, NULL, keep_answer, self);
    holm_event_watch(self->client, -1, 0, 0, collect, NULL, self);
    holm_task_watch(self->client, collect, NULL, self);
    holm_stats_watch(self->client, NULL, 1000, collect, NULL, self);
    holm_client_destroy(steal_pointer(&self->client));
    run(self);
    assert_int_equal(self->answers, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_list_and_filters),
        TEST(test_a_lost_shim_is_noticed),
        TEST(test_states_are_told_apart),
        TEST(test_rename_and_remove),
        TEST(test_events_arrive),
        TEST(test_session_of_what_does_not_run),
        TEST(test_prunes),
        TEST(test_create_without_image),
        TEST(test_images),
        TEST(test_destroyed_under_way),
        TEST(test_unit),
        TEST(test_start_of_nothing),
        TEST(test_doctor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
