// Restart policies and health checks: what is made of ends and answers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/container/health.h"
#include "core/container/restart.h"

static json_t *parse(const char *text) {
    json_t *made = json_loads(text, 0, NULL);
    assert_non_null(made);
    return made;
}

static bool wanted(const char *restart, int exit_code, int count) {
    json_t *configuration = parse(restart);
    bool result = restart_wanted(configuration, exit_code, count);
    json_decref(configuration);
    return result;
}

static void test_policies(void **state) {
    (void)state;
    assert_false(wanted("{}", 1, 0));
    assert_true(wanted("{\"restart\": {\"policy\": \"always\"}}", 0, 1000));
    assert_true(wanted("{\"restart\": {\"policy\": \"unless-stopped\"}}", 0, 1000));
    assert_false(wanted("{\"restart\": {\"policy\": \"on-failure\"}}", 0, 0));
    assert_true(wanted("{\"restart\": {\"policy\": \"on-failure\"}}", 1, 1000));
    assert_true(wanted("{\"restart\": {\"policy\": \"on-failure\", \"maximumRetries\": 2}}", 1, 1));
    assert_false(wanted("{\"restart\": {\"policy\": \"on-failure\", \"maximumRetries\": 2}}", 1, 2));
}

static void test_delays(void **state) {
    (void)state;
    static const uint32_t expected[] = {100,  200,   400,   800,   1600,  3200,
                                        6400, 12800, 25600, 51200, 60000, 60000};
    uint32_t delay = 0;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        delay = restart_delay(delay, 1000000);
        assert_int_equal(delay, expected[i]);
    }
    assert_int_equal(restart_delay(delay, RESTART_LONG_RUN_NS), RESTART_DELAY_FIRST_MS);
}

static bool overdue(const char *policy, const char *status, bool boot) {
    json_t *document = json_pack("{s:{s:{s:s}}, s:o}", "configuration", "restart", "policy", policy, "status",
                                 parse(status));
    bool result = restart_overdue(document, boot);
    json_decref(document);
    return result;
}

static void test_what_is_overdue(void **state) {
    (void)state;
    const char *lost = "{\"state\": \"exited\", \"reason\": \"shim-lost\", \"exitCode\": 137}";
    const char *stopped =
        "{\"state\": \"exited\", \"reason\": \"signal\", \"exitCode\": 143, \"stoppedByUser\": true}";
    const char *host = "{\"state\": \"exited\", \"reason\": \"signal\", \"exitCode\": 143}";
    assert_true(overdue("always", lost, false));
    assert_true(overdue("on-failure", lost, false));
    assert_false(overdue("no", lost, false));
    assert_false(overdue("always", stopped, false));
    assert_true(overdue("always", stopped, true));
    assert_false(overdue("unless-stopped", stopped, true));
    assert_false(overdue("unless-stopped", host, false));
    assert_true(overdue("unless-stopped", host, true));
    assert_false(overdue("always", "{\"state\": \"running\"}", true));
}

static void test_answers(void **state) {
    (void)state;
    health self = {0};
    assert_false(health_answer(&self, false, true, 1)); // within the start period it does not count
    assert_int_equal(self.failing, 0);
    assert_false(health_answer(&self, false, false, 2));
    assert_true(health_answer(&self, false, false, 2));
    assert_int_equal(self.state, HEALTH_UNHEALTHY);
    assert_true(health_answer(&self, true, false, 2));
    assert_int_equal(self.state, HEALTH_HEALTHY);
    assert_false(health_answer(&self, false, true, 2)); // it has been well: from now on all count
    assert_true(health_answer(&self, false, true, 2));
}

static void check_command(const char *request, const char *image, const char *first, size_t count) {
    json_t *configuration = parse(request), *image_configuration = parse(image);
    holm_error *error = NULL;
    int result = health_complete(configuration, image_configuration, &error);
    const json_t *check = json_object_get(configuration, "healthcheck");
    const char *arguments[8];
    if (!first) {
        assert_null(check);
        assert_int_equal(result == 0, count == 0);
    } else {
        assert_int_equal(health_command(check, arguments, 8), count);
        assert_string_equal(arguments[0], first);
        assert_int_equal(json_integer_value(json_object_get(check, "retries")), 3);
    }
    holm_error_free(error);
    json_decref(configuration);
    json_decref(image_configuration);
}

static void test_commands(void **state) {
    (void)state;
    const char *image = "{\"healthcheck\": {\"command\": [\"CMD\", \"probe\", \"-q\"], \"intervalMs\": 5}}";
    check_command("{}", "{}", NULL, 0);
    check_command("{}", image, "probe", 2);
    check_command("{\"healthcheck\": {\"command\": [\"CMD-SHELL\", \"a b\"]}}", image, "/bin/sh", 3);
    check_command("{\"healthcheck\": {\"command\": [\"NONE\"]}}", image, NULL, 0);
    check_command("{\"healthcheck\": {\"timeoutMs\": 7}}", image, "probe", 2);
}

static void test_a_command_that_is_none(void **state) {
    (void)state;
    static const char *const wrong[] = {"[\"CMD\"]", "[\"CMD-SHELL\", \"a\", \"b\"]", "[\"RUN\", \"a\"]"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *configuration = json_pack("{s:{s:o}}", "healthcheck", "command", parse(wrong[i]));
        holm_error *error = NULL;
        assert_int_equal(health_complete(configuration, NULL, &error), -1);
        assert_non_null(error);
        holm_error_free(error);
        json_decref(configuration);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policies),        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_what_is_overdue), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_commands),        cmocka_unit_test(test_a_command_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
