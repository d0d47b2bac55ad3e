// Resource limits by the names of OCI and ulimit: "nofile", "RLIMIT_NOFILE".
#pragma once

#include <stdint.h>

#include "core/base/error.h"

/// The RLIMIT_… number of a name; -1 when there is no such.
int rlimit_number(const char *name);
/// Sets a limit of this process; UINT64_MAX is unlimited.
int rlimit_apply(const char *name, uint64_t soft, uint64_t hard, holm_error **error);
