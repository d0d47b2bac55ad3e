// What is kept, forgotten and listed, in a home of the test's own and with a helper of its own.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/registry/credential_helper.h"
#include "core/registry/credential_store.h"
#include "core/registry/credentials_internal.h"

typedef struct home {
    char folder[64];
    char *lock, *auth, *docker;
} home;

static void write_text(const char *path, const char *text) {
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
}

static int set_up(void **state) {
    home *self = calloc(1, sizeof *self);
    strcpy(self->folder, "/tmp/holm-store-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    self->lock = path_join(self->folder, "lock", NULL);
    self->auth = path_join(self->folder, "config/containers/auth.json", NULL);
    self->docker = path_join(self->folder, ".docker/config.json", NULL);
    cleanup_free char *docker = path_join(self->folder, ".docker", NULL);
    cleanup_free char *config = path_join(self->folder, "config", NULL);
    cleanup_free char *runtime = path_join(self->folder, "run", NULL);
    assert_int_equal(path_make_directories(docker, NULL), 0);
    setenv("HOME", self->folder, 1);
    setenv("XDG_CONFIG_HOME", config, 1);
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    unsetenv("REGISTRY_AUTH_FILE");
    unsetenv("DOCKER_CONFIG");
    *state = self;
    return 0;
}

static int tear_down(void **state) {
    home *self = *state;
    path_remove_tree(self->folder, NULL);
    free(self->lock);
    free(self->auth);
    free(self->docker);
    free(self);
    return 0;
}

static void keep(const home *self, const char *registry, const char *password, const char *expected) {
    cleanup_free char *where = NULL;
    cleanup_error holm_error *error = NULL;
    int result = credential_store_keep(registry, "anna", password, self->lock, &where, &error);
    if (result < 0)
        fail_msg("%s", holm_error_message(error));
    assert_string_equal(where, expected);
}

static void expect(const char *registry, const char *password) {
    cleanup_credentials credentials found = {0};
    int result = credentials_find_here(credential_helper_get, registry, "a", &found, NULL);
    assert_int_equal(result, password ? 1 : 0);
    if (password)
        assert_string_equal(found.password, password);
}

static holm_error_code forget(const home *self, const char *registry) {
    cleanup_error holm_error *error = NULL;
    json_t *from = credential_store_forget(registry, self->lock, &error);
    json_decref(from);
    return from ? 0 : holm_error_code_of(error);
}

static void test_file(void **state) {
    const home *self = *state;
    keep(self, "q.io:5000", "se:cret\xc3\xa4", self->auth);
    keep(self, "docker.io", "hub", self->auth);
    keep(self, "q.io:5000", "other", self->auth);
    struct stat status;
    assert_int_equal(stat(self->auth, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    expect("q.io:5000", "other");
    expect("docker.io", "hub");
    expect("q.io", NULL);
    assert_int_equal(forget(self, "q.io:5000"), 0);
    expect("q.io:5000", NULL);
    expect("docker.io", "hub");
    assert_int_equal(forget(self, "q.io:5000"), HOLM_ERROR_NOT_FOUND);
}

// What others have written stays, but for the one entry; a link stays a link.
static void test_beside_others(void **state) {
    const home *self = *state;
    cleanup_free char *real = path_join(self->folder, "real.json", NULL);
    cleanup_free char *folder = path_join(self->folder, "config/containers", NULL);
    write_text(
        real,
        "{\"auths\":{\"https://q.io/v1/\":{\"auth\":\"YTpi\"},\"q.io/team\":{\"auth\":\"Yzpk\"}},\"x\":1}");
    assert_int_equal(path_make_directories(folder, NULL), 0);
    assert_int_equal(symlink(real, self->auth), 0);
    keep(self, "q.io", "new", real);
    struct stat status;
    assert_int_equal(lstat(self->auth, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    json_t *root = json_load_file(real, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "x")), 1);
    const json_t *auths = json_object_get(root, "auths");
    assert_int_equal(json_object_size(auths), 2);
    assert_non_null(json_object_get(auths, "q.io/team"));
    json_decref(root);
    write_text(real, "{ damaged");
    cleanup_free char *where = NULL;
    assert_int_equal(credential_store_keep("q.io", "a", "b", self->lock, &where, NULL), -1);
}

static void test_runtime_file_first(void **state) {
    const home *self = *state;
    cleanup_free char *folder = path_join(self->folder, "run/containers", NULL);
    cleanup_free char *file = path_join(folder, "auth.json", NULL);
    assert_int_equal(path_make_directories(folder, NULL), 0);
    write_text(file, "{\"auths\":{\"q.io\":{\"auth\":\"YTpi\"}}}");
    keep(self, "q.io", "new", file); // else the old one would go on being found first
    keep(self, "r.io", "other", self->auth);
    expect("q.io", "new");
}

static void test_docker_file_is_not_written(void **state) {
    const home *self = *state;
    const char *text = "{\"auths\":{\"q.io\":{\"auth\":\"YTpi\"}}}";
    write_text(self->docker, text);
    keep(self, "q.io", "new", self->auth);
    expect("q.io", "new");
    assert_int_equal(forget(self, "q.io"), HOLM_ERROR_STATE);
    cleanup_buffer buffer now = BUFFER_INIT;
    assert_int_equal(file_read(self->docker, 4096, &now, NULL), 0);
    assert_string_equal(buffer_text(&now), text);
}

// A helper that keeps one secret in a file of the test's home.
static const char helper[] = "#!/bin/sh\n"
                             "f=$HOME/secret\n"
                             "case $1 in\n"
                             "store) cat >$f;;\n"
                             "get) read s; grep -q \"\\\"$s\\\"\" $f 2>/dev/null && cat $f ||"
                             " { echo credentials not found; exit 1; };;\n"
                             "erase) rm -f $f;;\n"
                             "list) [ -f $f ] && echo '{\"q.io\":\"anna\"}' || echo '{}';;\n"
                             "esac\n";

static void test_helper(void **state) {
    const home *self = *state;
    cleanup_free char *program = path_join(self->folder, "docker-credential-t", NULL);
    cleanup_free char *path = path_format("%s:%s", self->folder, getenv("PATH"));
    write_text(program, helper);
    assert_int_equal(chmod(program, 0700), 0);
    setenv("PATH", path, 1);
    keep(self, "q.io", "plain", self->auth);
    write_text(self->docker, "{\"credHelpers\":{\"q.io\":\"t\"}}");
    keep(self, "q.io", "se\"cret", "docker-credential-t");
    keep(self, "r.io", "other", self->auth);
    expect("q.io", "se\"cret"); // and not the older plain one
    json_t *list = credential_store_list(NULL);
    json_t *wanted =
        json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}]", "registry", "r.io", "username", "anna", "source",
                  self->auth, "registry", "q.io", "username", "anna", "source", "docker-credential-t");
    assert_true(json_equal(list, wanted));
    json_decref(list);
    json_decref(wanted);
    assert_int_equal(forget(self, "q.io"), 0);
    expect("q.io", NULL);
    assert_int_equal(forget(self, "q.io"), HOLM_ERROR_NOT_FOUND);
}

static void test_helper_that_fails(void **state) {
    const home *self = *state;
    write_text(self->docker, "{\"credsStore\":\"none-such\"}");
    cleanup_free char *where = NULL;
    assert_int_equal(credential_store_keep("q.io", "a", "b", self->lock, &where, NULL), -1);
    assert_int_equal(access(self->auth, F_OK), -1); // never in the clear instead
    json_t *list = credential_store_list(NULL);
    assert_int_equal(json_array_size(list), 1);
    assert_non_null(json_object_get(json_array_get(list, 0), "problem"));
    json_decref(list);
    write_text(self->docker, "{\"credsStore\":\"../evil\"}");
    assert_int_equal(credential_store_keep("q.io", "a", "b", self->lock, &where, NULL), -1);
    assert_null(where);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_beside_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_runtime_file_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_docker_file_is_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_helper, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_helper_that_fails, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
