// Between the files of the credentials.
#pragma once

#include "core/registry/credentials.h"

/// Whether a credential helper may be called so: no path, no option.
bool credentials_helper_is_valid(const char *name);

/// Asks a helper for a server: 1, or 0 when it knows none, or -1.
typedef int (*credentials_helper)(const char *name, const char *server, credentials *out, holm_error **error);

/// Looks through the files in their order. 1, or 0 when none knows the registry, or -1.
int credentials_find_here(credentials_helper ask, const char *registry, const char *repository,
                          credentials *out, holm_error **error);
