#include "core/container/restart.h"

#include <string.h>

#include "core/base/cleanup.h"

static const json_t *policy_of(const json_t *configuration, const char **name) {
    const json_t *restart = json_object_get(configuration, "restart");
    const char *policy = json_string_value(json_object_get(restart, "policy"));
    *name = policy ? policy : "no";
    return restart;
}

int restart_complete(json_t *configuration, holm_error **error) {
    static const char *const names[] = {"no", "on-failure", "always", "unless-stopped"};
    const char *policy;
    const json_t *restart = policy_of(configuration, &policy);
    bool known = false;
    for (size_t i = 0; i < array_length(names); i++)
        known = known || strcmp(names[i], policy) == 0;
    if (!known) {
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no restart policy \"%s\"", policy);
        holm_error_hint(error, "the policies are no, on-failure[:N], always and unless-stopped");
        return -1;
    }
    if (json_integer_value(json_object_get(restart, "maximumRetries")) > 0 &&
        strcmp(policy, "on-failure") != 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a number of restarts goes with on-failure only");
        return -1;
    }
    if (strcmp(policy, "no") != 0 && json_is_true(json_object_get(configuration, "removeOnExit"))) {
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "a container that is removed when it ends cannot be started again");
        holm_error_hint(error, "leave out --rm or --restart");
        return -1;
    }
    return 0;
}

bool restart_wanted(const json_t *configuration, int exit_code, json_int_t count) {
    const char *policy;
    const json_t *restart = policy_of(configuration, &policy);
    if (strcmp(policy, "always") == 0 || strcmp(policy, "unless-stopped") == 0)
        return true;
    json_int_t most = json_integer_value(json_object_get(restart, "maximumRetries"));
    return strcmp(policy, "on-failure") == 0 && exit_code != 0 && (most == 0 || count < most);
}

bool restart_overdue(const json_t *document, bool boot) {
    const char *policy;
    policy_of(json_object_get(document, "configuration"), &policy);
    const json_t *status = json_object_get(document, "status");
    const char *state = json_string_value(json_object_get(status, "state"));
    const char *reason = json_string_value(json_object_get(status, "reason"));
    if (!state || strcmp(state, "exited") != 0)
        return false;
    if (boot && strcmp(policy, "always") == 0)
        return true;
    if (json_is_true(json_object_get(status, "stoppedByUser")))
        return false;
    if (boot && strcmp(policy, "unless-stopped") == 0)
        return true;
    return reason && strcmp(reason, "shim-lost") == 0 &&
           restart_wanted(json_object_get(document, "configuration"),
                          (int)json_integer_value(json_object_get(status, "exitCode")),
                          json_integer_value(json_object_get(status, "restartCount")));
}

uint32_t restart_delay(uint32_t before_ms, int64_t ran_ns) {
    if (before_ms == 0 || ran_ns >= RESTART_LONG_RUN_NS)
        return RESTART_DELAY_FIRST_MS;
    return before_ms >= RESTART_DELAY_MOST_MS / 2 ? RESTART_DELAY_MOST_MS : before_ms * 2;
}
