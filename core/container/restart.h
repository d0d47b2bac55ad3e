// Restart policies: whether and when a container that has ended is started again.
//
// In the configuration: "restart": {"policy": "no" | "on-failure" | "always" | "unless-stopped",
// "maximumRetries": n (of on-failure; 0: no limit)}. In the status: "restartCount" since the last start by a
// user, "restartDelayMs" before the next one, "stoppedByUser".
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"

#define RESTART_DELAY_FIRST_MS 100u
#define RESTART_DELAY_MOST_MS  60000u
#define RESTART_LONG_RUN_NS    INT64_C(10000000000) ///< a run as long as this makes the next delay a first one

/// Completes and checks "restart" of a container's configuration.
int restart_complete(json_t *configuration, holm_error **error);

/// Whether the policy starts again what ended with exit_code, `count` restarts after a user's start.
bool restart_wanted(const json_t *configuration, int exit_code, json_int_t count);

/// Whether a document that does not run should, by its policy: its end was not a user's wish. For what was
/// lost with its shim (`boot` false), and for everything once after the host came up (`boot` true), when
/// "always" counts more than a user's stop.
bool restart_overdue(const json_t *document, bool boot);

/// Milliseconds before the next start, after a run of `ran_ns` that had itself waited for `before_ms` (0: a
/// user's start).
uint32_t restart_delay(uint32_t before_ms, int64_t ran_ns);
