// Resource limits by the names of OCI and ulimit: "nofile", "RLIMIT_NOFILE".
#pragma once

#include <stdint.h>

#include "core/base/error.h"

/// Sets a limit of this process; UINT64_MAX is unlimited.
int rlimit_apply(const char *name, uint64_t soft, uint64_t hard, holm_error **error);
