#include "core/container/health.h"

#include <string.h>

#include "core/base/cleanup.h"

#define COMMAND_MOST 1024 // arguments

const char *const health_names[] = {"starting", "healthy", "unhealthy"};

static const struct {
    const char *key;
    json_int_t value;
} defaults[] = {
    {"intervalMs", 30000},     {"timeoutMs", 30000}, {"startPeriodMs", 0},
    {"startIntervalMs", 5000}, {"retries", 3},
};

static bool command_is(const json_t *command, const char *form) {
    const char *first = json_string_value(json_array_get(command, 0));
    return first && strcmp(first, form) == 0;
}

int health_complete(json_t *configuration, const json_t *image_configuration, holm_error **error) {
    json_t *check = json_object_get(configuration, "healthcheck");
    json_t *image_check = json_object_get(image_configuration, "healthcheck");
    if (!check && !json_is_object(image_check))
        return 0;
    if (!check)
        json_object_set_new(configuration, "healthcheck", check = json_object());
    json_object_update_missing(check, image_check); // the request's own goes first
    json_t *command = json_object_get(check, "command");
    size_t count = json_array_size(command);
    if (count == 0 || command_is(command, "NONE")) {
        json_object_del(configuration, "healthcheck");
        return 0;
    }
    bool shell = command_is(command, "CMD-SHELL");
    if ((!shell && !command_is(command, "CMD")) || count < 2 || (shell && count != 2) ||
        count > COMMAND_MOST) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the health check is no command");
        holm_error_hint(error, "give one with --health-cmd, or none with --no-healthcheck");
        return -1;
    }
    for (size_t i = 0; i < array_length(defaults); i++)
        if (json_integer_value(json_object_get(check, defaults[i].key)) <= 0)
            json_object_set_new(check, defaults[i].key, json_integer(defaults[i].value));
    return 0;
}

size_t health_command(const json_t *check, const char **out, size_t most) {
    const json_t *command = json_object_get(check, "command");
    size_t count = 0, index;
    json_t *argument;
    if (command_is(command, "CMD-SHELL") && most > 3) {
        out[count++] = "/bin/sh";
        out[count++] = "-c";
    }
    json_array_foreach (command, index, argument)
        if (index > 0 && count + 1 < most)
            out[count++] = json_string_value(argument);
    out[count] = NULL;
    return count;
}

bool health_answer(health *self, bool well, bool starting, unsigned retries) {
    health_state before = self->state;
    if (well) {
        self->failing = 0;
        self->state = HEALTH_HEALTHY;
    } else if (!(starting && before == HEALTH_STARTING)) {
        self->failing++;
        if (self->failing >= retries)
            self->state = HEALTH_UNHEALTHY;
    }
    return self->state != before;
}
