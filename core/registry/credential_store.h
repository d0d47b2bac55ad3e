// Keeping who the user is to registries, and forgetting it: with a credential helper where one is configured,
// else in auth.json (containers-auth.json(5)), which skopeo, podman and buildah read too.
//
// An entry goes into the auth.json that has one for the registry, else into $REGISTRY_AUTH_FILE, else into
// $XDG_CONFIG_HOME/containers/auth.json; the file is 0600 and replaced whole. Docker's own config.json is
// read and never written. Everything here blocks (files, helpers).
#pragma once

#include <jansson.h>

#include "core/base/error.h"

/// Keeps a user name and password. `lock` is a path for a lock between holm's own processes. *where becomes
/// the file or helper where it succeeds; the caller frees it.
int credential_store_keep(const char *registry, const char *username, const char *password, const char *lock,
                          char **where, holm_error **error);
/// Forgets a registry: an array of the files and helpers it was taken out of. NOT_FOUND: nowhere was
/// anything. STATE: Docker's config.json still knows it. The caller owns the array.
json_t *credential_store_forget(const char *registry, const char *lock, holm_error **error);
/// An array of {"registry", "username", "source"}; for a helper that fails {"source", "problem"}. What stands
/// first is what counts for a registry. The caller owns it.
json_t *credential_store_list(holm_error **error);
