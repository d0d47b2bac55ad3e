// Capabilities by name (capabilities(7)) and what a container gets of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/// Docker's default set.
extern const uint64_t capability_default;

/// The default set, with `add` and then without `drop`; ALL means every one (with ALL dropped, what is added
/// by name stays). INVALID for a name that is not known.
int capability_choose(char *const *add, size_t add_count, char *const *drop, size_t drop_count, uint64_t *set,
                      holm_error **error);
/// Every capability the running kernel knows.
uint64_t capability_all(void);
/// Takes everything outside `set` out of the bounding set. Needs CAP_SETPCAP still.
int capability_bound(uint64_t set, holm_error **error);
/// Gives this process `set` as its effective and permitted capabilities (nothing inheritable or ambient).
int capability_apply(uint64_t set, holm_error **error);
