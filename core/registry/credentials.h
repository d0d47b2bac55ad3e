// Who the user is to a registry: what Docker and Podman have stored, and Docker credential helpers.
//
// Looked up in this order: $REGISTRY_AUTH_FILE, $XDG_RUNTIME_DIR/containers/auth.json,
// $XDG_CONFIG_HOME/containers/auth.json, $DOCKER_CONFIG/config.json or ~/.docker/config.json; the first that
// knows the registry counts. Follows containers-auth.json(5) and the Docker credential helper protocol.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"

#define CREDENTIALS_FILE_MAX       (1u << 20)
#define CREDENTIALS_FIELD_MAX      (64u << 10) ///< bytes of a secret
#define CREDENTIALS_HELPER_SECONDS 60
#define CREDENTIALS_LIST_MAX       1024
#define CREDENTIALS_PASSWORD_MAX   (32u << 10) ///< of what is kept

typedef struct credentials {
    char *username; ///< NULL: none are known
    char *password;
    char *identity_token; ///< an OAuth2 refresh token in place of user name and password, or NULL
} credentials;

typedef struct credential_broker credential_broker;

/// A process that looks credentials up for us, so that we ourselves need be able neither to read what is
/// stored nor to execute a helper. Forks: call it first of all, before threads, locks and open databases. It
/// ends when the broker is destroyed or we are gone.
credential_broker *credential_broker_create(holm_error **error);
void credential_broker_destroy(credential_broker *self);

/// Finds the credentials for a registry ("docker.io", "host:port") and repository. Blocks (files, a helper):
/// for worker threads, from any of them. None known is no error: everything in *out is NULL, as with a broker
/// that is NULL.
int credentials_find(credential_broker *broker, const char *registry, const char *repository,
                     credentials *out, holm_error **error);
/// Overwrites the secrets.
void credentials_finish(credentials *self);
#define cleanup_credentials cleanup(credentials_finish)

/// The entry of a configuration file's text for a registry: 1 when it has one (a helper's name in *helper,
/// the caller frees it, or *out), 0 when not, -1 when the text is not valid.
int credentials_parse(const char *text, size_t length, const char *registry, const char *repository,
                      credentials *out, char **helper, holm_error **error);
/// What a helper has answered to get.
int credentials_parse_helper(const char *text, size_t length, credentials *out, holm_error **error);
/// What a helper has answered to list: {server: user name}, of at most CREDENTIALS_LIST_MAX. The caller owns
/// it.
json_t *credentials_parse_list(const char *text, size_t length, holm_error **error);
/// "user:password" in base64 (RFC 4648 section 4), as files and the Basic scheme have it. The caller wipes
/// and frees it.
char *credentials_encode(const char *username, const char *password);
