// One request to a registry and its answer, as pushing needs them: with authorization, and tried again.
#pragma once

#include "core/registry/registry.h"

typedef struct registry_exchange registry_exchange;

typedef struct registry_exchange_options {
    http_method method;
    const char *url;             ///< absolute; to another host than the registry's nothing secret goes along
    const char *const *headers;  ///< as in http_options
    const http_content *content; ///< bytes are copied, fd is duplicated; or NULL
    bool once; ///< what breaks off is not sent again: the caller asks first what has arrived
    /// So many bytes of the content are under way. May be NULL.
    void (*sent)(uint64_t count, void *data);
    /// Exactly once, last, from the loop: the answer (any status below 500 but 401, 403, 408 and 429) with
    /// `text`, its error message or NULL; or the error, after which it makes sense to wait for wait_ms where
    /// it is UNAVAILABLE (0: not said).
    void (*done)(const http_request *answer, const char *text, const holm_error *error, unsigned wait_ms,
                 void *data);
} registry_exchange_options;

/// Never NULL. The registry outlives it.
registry_exchange *registry_exchange_start(registry *owner, const registry_exchange_options *options,
                                           void *data);
/// `done` does not come any more. Accepts NULL.
void registry_exchange_cancel(registry_exchange *self);
