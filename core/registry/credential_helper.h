// Docker credential helpers: programs docker-credential-NAME that keep passwords, mostly in the desktop's key
// ring. A verb as the argument, what they are told on standard input, their answer on standard output
// (github.com/docker/docker-credential-helpers).
//
// Everything here blocks for as long as the helper takes, at most CREDENTIALS_HELPER_SECONDS.
#pragma once

#include <jansson.h>

#include "core/registry/credentials.h"

/// What the helper is called registry by. Borrowed from the argument, or static.
const char *credential_helper_server(const char *registry);

/// Asks it for a server: 1, or 0 when it knows none, or -1.
int credential_helper_get(const char *name, const char *server, credentials *out, holm_error **error);
/// Gives it a user name and a password to keep.
int credential_helper_store(const char *name, const char *server, const char *username, const char *password,
                            holm_error **error);
/// Has it forget a server: 1, or 0 when it knew none, or -1.
int credential_helper_erase(const char *name, const char *server, holm_error **error);
/// What it knows: an object {server: user name}, which the caller owns.
json_t *credential_helper_list(const char *name, holm_error **error);
