// Health checks: how a container is asked whether it is well, and what is made of its answers.
//
// In the configuration: "healthcheck": {"command": […], "intervalMs", "timeoutMs", "startPeriodMs",
// "startIntervalMs", "retries"}, from the request over the image's own (OCI image specification 1.1,
// config.md, and Docker's "Healthcheck"). The command is ["CMD", program, …], ["CMD-SHELL", line] or
// ["NONE"].
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"

/// Completes and checks "healthcheck" of a container's configuration from the image's; takes the key away
/// where there is no check.
int health_complete(json_t *configuration, const json_t *image_configuration, holm_error **error);

/// The program and its arguments of a completed check, NULL-terminated, in `out` of `most` elements;
/// borrowed.
size_t health_command(const json_t *check, const char **out, size_t most);

typedef enum health_state { HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY } health_state;
extern const char *const health_names[]; ///< "starting", "healthy", "unhealthy"

typedef struct health {
    health_state state;
    unsigned failing; ///< failures in a row that count
} health;

/// What one more answer makes of it. A failure within the start period (`starting`) does not count before the
/// first success. Returns whether the state has changed.
bool health_answer(health *self, bool well, bool starting, unsigned retries);
