// A registry as a place to fetch manifests and blobs from: authentication, retries and resuming included.
//
// Follows the OCI distribution specification 1.1 and the distribution project's token authentication.
// Everything runs on the loop's thread but for looking up credentials, which a worker thread does. Nothing is
// verified here but lengths: who asks for bytes compares their digest.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/error.h"
#include "core/registry/credentials.h"
#include "core/registry/http.h"

typedef struct registry registry;
typedef struct registry_fetch registry_fetch;

typedef struct registry_options {
    uv_loop_t *loop;
    http_client *http;      ///< borrowed
    const char *host;       ///< as in a reference: "docker.io", "127.0.0.1:5000"
    const char *repository; ///< "library/debian": what access is asked for
    const char *scheme;     ///< "http", "https", or "auto"/NULL: as set, else http for loopback
    const json_t *settings; ///< [registry] of config.toml, or NULL
    const char *const *certificate_folders; ///< as in registry_settings.h; NULL-terminated, or NULL
    credential_broker *broker;              ///< borrowed; or NULL
    unsigned backoff_ms;                    ///< before the first retry, doubled for each further one; 0: 500
    unsigned stall_seconds;                 ///< 0: 60
    const credentials *login;               ///< copied: who to be, instead of asking the broker; or NULL
    bool push;                              ///< ask for the right to push, too
} registry_options;

/// INVALID for a scheme that is none. Reads certificates from the disk.
registry *registry_create(const registry_options *options, holm_error **error);
/// Ends what is under way without `done`. Accepts NULL. The memory goes once the loop has run.
void registry_destroy(registry *self);
/// To be read as well, for blobs that are mounted from there: before the first request. At most
/// REGISTRY_SOURCES_MAX are asked for.
void registry_add_source(registry *self, const char *repository);
#define REGISTRY_SOURCES_MAX 8
/// What the registry has said that a user should know (Warning headers), each once, as lines; NULL: nothing.
/// Owned by the registry.
const char *registry_warnings(const registry *self);
/// "https://registry-1.docker.io". Owned by the registry.
const char *registry_base_url(const registry *self);
/// As they were given. Owned by the registry.
const char *registry_host(const registry *self);
const char *registry_repository(const registry *self);
/// Whether it has asked who we are, and has been answered.
bool registry_is_authorized(const registry *self);

typedef enum registry_kind {
    REGISTRY_MANIFEST,
    REGISTRY_BLOB,
    REGISTRY_PAGE, ///< a document of the registry itself: /v2/, lists of tags
} registry_kind;

typedef struct registry_request {
    registry_kind kind;
    const char *object; ///< a tag (manifests), a digest, or the path of a page ("/v2/")
    const char *accept; ///< for manifests: the Accept value
    uint64_t offset;    ///< of a blob: where to begin
    uint64_t size;      ///< of a blob: all of it; the body then has size - offset bytes
    uint64_t most;      ///< of a manifest, of a page, or of a blob whose size is 0 here (not known)
} registry_request;

typedef struct registry_events {
    /// Bytes in order, each once, over broken connections too.
    void (*body)(registry_fetch *fetch, const void *bytes, size_t length, void *data);
    /// It did not go on, and will be tried again after wait_ms. May be NULL.
    void (*retry)(registry_fetch *fetch, const holm_error *why, unsigned wait_ms, void *data);
    /// Exactly once, last. content_type (may be NULL) as the server sent it. The fetch is freed after the
    /// call.
    void (*done)(registry_fetch *fetch, const char *content_type, const holm_error *error, void *data);
} registry_events;

/// Never NULL: what goes wrong comes through `done`, from the loop.
registry_fetch *registry_fetch_start(registry *self, const registry_request *request,
                                     const registry_events *events, void *data);
/// Of a page, within its `done`: where the next one is, as the registry has put it; NULL: this was the last.
const char *registry_fetch_next_page(const registry_fetch *fetch);
/// `done` does not come any more. Accepts NULL.
void registry_fetch_cancel(registry_fetch *fetch);
/// Slows the server down; a little may still come.
void registry_fetch_pause(registry_fetch *fetch);
void registry_fetch_resume(registry_fetch *fetch);
