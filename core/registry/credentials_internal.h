// Between the files of the credentials.
#pragma once

#include "core/registry/credentials.h"

/// Whether a credential helper may be called so: no path, no option.
bool credentials_helper_is_valid(const char *name);

/// Asks the helper for a server: 1, or 0 when it knows none, or -1.
int credential_broker_ask(credential_broker *self, const char *helper, const char *server, credentials *out,
                          holm_error **error);
