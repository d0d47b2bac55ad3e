// Between the files of the credentials.
#pragma once

#include "core/registry/credentials.h"

/// The files that credentials are in, in the order they are looked through; the last one is Docker's.
#define CREDENTIALS_FILES       4
#define CREDENTIALS_FILE_DOCKER (CREDENTIALS_FILES - 1)
/// The path of one; NULL: there is none here. The caller frees it.
char *credentials_file(unsigned which);

/// Whether a credential helper may be called so: no path, no option.
bool credentials_helper_is_valid(const char *name);

/// The key by which an object of a file ("auths", "credHelpers") knows a registry, in any of the shapes that
/// are in use; NULL: it does not. Owned by the object or the caller's own.
const char *credentials_key(const json_t *object, const char *registry);

/// Reads one entry of "auths": 1, 0 when there is nothing in it, or -1. `registry` is for the error.
int credentials_read_entry(const json_t *entry, const char *registry, credentials *out, holm_error **error);

/// Asks a helper for a server: 1, or 0 when it knows none, or -1.
typedef int (*credentials_helper)(const char *name, const char *server, credentials *out, holm_error **error);

/// Looks through the files in their order. 1, or 0 when none knows the registry, or -1.
int credentials_find_here(credentials_helper ask, const char *registry, const char *repository,
                          credentials *out, holm_error **error);
