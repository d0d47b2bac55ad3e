// How a registry is reached, as the user has set it: the section [registry] of config.toml and the folders of
// certificates (HOST[:PORT]/*.crt and a pair of *.cert and *.key, as Docker and containers-certs.d(5) have
// them).
#pragma once

#include <jansson.h>

#include "core/registry/http.h"

#define REGISTRY_MIRRORS_MAX     16
#define REGISTRY_AUTHORITIES_MAX 64         ///< files of one folder
#define REGISTRY_AUTHORITY_BYTES (1u << 20) ///< of one of them

/// The value of a key in the table [registry."HOST"], or NULL. settings may be NULL.
const json_t *registry_setting(const json_t *settings, const char *host, const char *key);
/// "~/" stands for the home folder. The caller frees it.
char *registry_setting_path(const char *text);
/// The mirror of this index, split into its host and the repository as it is called there; false: there is
/// none. The caller frees both.
bool registry_mirror(const json_t *settings, const char *host, const char *repository, size_t index,
                     char **mirror, char **there);

/// Reads what is set and what is in the folders (NULL-terminated, or NULL). Blocks for the disk. NULL with an
/// error where a file that is named cannot be read.
http_certificates *registry_certificates_read(const json_t *settings, const char *host,
                                              const char *const *folders, holm_error **error);
void registry_certificates_free(http_certificates *self);
