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
#include "core/registry/credentials.h"

static int parse(const char *text, const char *registry, const char *repository, credentials *out,
                 char **helper) {
    return credentials_parse(text, strlen(text), registry, repository, out, helper, NULL);
}

static void test_auth(void **state) {
    (void)state;
    cleanup_credentials credentials found = {0};
    cleanup_free char *helper = NULL;
    const char *text = "{\"auths\": {\"localhost:5000\": {\"auth\": \"YW5uYTpzZTpjcmV0\"}}}";
    assert_int_equal(parse(text, "localhost:5000", "a", &found, &helper), 1);
    assert_string_equal(found.username, "anna");
    assert_string_equal(found.password, "se:cret");
    credentials other = {0};
    assert_int_equal(parse(text, "localhost:5001", "a", &other, &helper), 0);
    assert_null(other.username);
}

static void test_docker_hub_key(void **state) {
    (void)state;
    cleanup_credentials credentials found = {0};
    cleanup_free char *helper = NULL;
    const char *text =
        "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"YTpi\",\"identitytoken\":\"t\"}}}";
    assert_int_equal(parse(text, "docker.io", "library/x", &found, &helper), 1);
    assert_string_equal(found.username, "a");
    assert_string_equal(found.identity_token, "t");
}

static void test_namespace_before_host(void **state) {
    (void)state;
    cleanup_credentials credentials found = {0};
    cleanup_free char *helper = NULL;
    const char *text = "{\"auths\":{\"q.io\":{\"auth\":\"YTpi\"},\"q.io/team\":{\"auth\":\"Yzpk\"}}}";
    assert_int_equal(parse(text, "q.io", "team/x", &found, &helper), 1);
    assert_string_equal(found.username, "c");
    cleanup_credentials credentials host = {0};
    assert_int_equal(parse(text, "q.io", "other/x", &host, &helper), 1);
    assert_string_equal(host.username, "a");
}

static void test_helper_chosen(void **state) {
    (void)state;
    credentials found = {0};
    cleanup_free char *helper = NULL;
    assert_int_equal(parse("{\"credHelpers\":{\"q.io\":\"pass\"}}", "q.io", "a", &found, &helper), 1);
    assert_string_equal(helper, "pass");
    cleanup_free char *store = NULL;
    assert_int_equal(parse("{\"auths\":{\"q.io\":{}},\"credsStore\":\"desk\"}", "q.io", "a", &found, &store),
                     1);
    assert_string_equal(store, "desk");
}

static void test_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{\"auths\":{\"q.io\":{\"auth\":\"!!!!\"}}}",
        "{\"auths\":{\"q.io\":{\"auth\":\"YWJj\"}}}",
        "{\"auths\":{\"q.io\":{\"auth\":\"YToKYg==\"}}}",
        "{\"credHelpers\":{\"q.io\":\"../x\"}}",
        "{\"credsStore\":\"-x\"}",
    };
    for (size_t i = 0; i < array_length(bad); i++) {
        credentials found = {0};
        char *helper = NULL;
        assert_int_equal(parse(bad[i], "q.io", "a", &found, &helper), -1);
        assert_null(found.username);
        assert_null(helper);
    }
}

static void test_helper_answers(void **state) {
    (void)state;
    cleanup_credentials credentials found = {0};
    const char *text = "{\"ServerURL\":\"x\",\"Username\":\"<token>\",\"Secret\":\"s\"}";
    assert_int_equal(credentials_parse_helper(text, strlen(text), &found, NULL), 0);
    assert_string_equal(found.identity_token, "s");
    credentials bad = {0};
    assert_int_equal(credentials_parse_helper("{}", 2, &bad, NULL), -1);
    const char *injected = "{\"Username\":\"a\",\"Secret\":\"s\\r\\nX: y\"}";
    assert_int_equal(credentials_parse_helper(injected, strlen(injected), &bad, NULL), -1);
}

// The real way: a configuration file, a helper on PATH, the broker that runs it.
static void test_broker(void **state) {
    credential_broker *broker = *state;
    cleanup_credentials credentials found = {0};
    holm_error *error = NULL;
    assert_int_equal(credentials_find(broker, "good.example", "a", &found, &error), 0);
    assert_string_equal(found.username, "u-good.example");
    assert_string_equal(found.password, "p");
    cleanup_credentials credentials none = {0};
    assert_int_equal(credentials_find(broker, "unknown.example", "a", &none, &error), 0);
    assert_null(none.username);
    cleanup_credentials credentials broken = {0};
    assert_int_equal(credentials_find(broker, "broken.example", "a", &broken, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_DENIED);
    holm_error_free(error);
}

static const char helper_script[] =
    "#!/bin/sh\n"
    "[ $# = 1 ] && [ \"$1\" = get ] || exit 9\n"
    "server=$(cat)\n"
    "case $server in\n"
    "unknown*) echo 'credentials not found in native keychain'; exit 1;;\n"
    "broken*) echo 'no'; exit 1;;\n"
    "esac\n"
    "echo \"{\\\"Username\\\":\\\"u-$server\\\",\\\"Secret\\\":\\\"p\\\"}\"\n";

static int set_up(void **state) {
    static char folder[] = "/tmp/holm-credentials-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cleanup_free char *helper = path_join(folder, "docker-credential-test", NULL);
    cleanup_free char *config = path_join(folder, "config.json", NULL);
    const char *text = "{\"credsStore\":\"test\"}";
    assert_int_equal(file_write(helper, helper_script, strlen(helper_script), NULL), 0);
    assert_int_equal(chmod(helper, 0755), 0);
    assert_int_equal(file_write(config, text, strlen(text), NULL), 0);
    cleanup_free char *path = path_format("%s:%s", folder, getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("REGISTRY_AUTH_FILE", config, 1);
    setenv("XDG_RUNTIME_DIR", folder, 1);
    *state = credential_broker_create(NULL);
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    credential_broker_destroy(*state);
    return path_remove_tree(getenv("XDG_RUNTIME_DIR"), NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auth),
        cmocka_unit_test(test_docker_hub_key),
        cmocka_unit_test(test_namespace_before_host),
        cmocka_unit_test(test_helper_chosen),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_helper_answers),
        cmocka_unit_test_setup_teardown(test_broker, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
