// What the agent has done and how long each took, until an answer tells it (for `holm run --trace`).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "guest/agent.pb-c.h"

#define STEPS_MAX 32

/// All zero: none. With the lock of whoever shares it.
typedef struct steps {
    Holm__Agent__V1__Step each[STEPS_MAX];
    Holm__Agent__V1__Step *pointers[STEPS_MAX]; ///< for a message
    size_t count;
} steps;

/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t steps_now(void);
/// From `begin_ns` until now; the time now is returned. `name` is static. More than STEPS_MAX are forgotten.
uint64_t steps_add(steps *self, const char *name, uint64_t begin_ns);
void steps_add_span(steps *self, const char *name, uint64_t begin_ns, uint64_t end_ns);
