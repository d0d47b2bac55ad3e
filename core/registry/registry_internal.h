// Between the files of the registry.
#pragma once

#include "core/base/buffer.h"
#include "core/registry/challenge.h"
#include "core/registry/registry.h"

#define REGISTRY_TRIES_MAX    6   ///< without a byte of progress between them
#define REGISTRY_RETRIES_MAX  100 ///< of one fetch, progress or not
#define REGISTRY_WAIT_MAX_MS  120000
#define REGISTRY_WARNINGS_MAX 4096
#define REGISTRY_ANSWER_MAX   (256u << 10) ///< bytes of a token service's answer, and of an error's text

/// Told once the authorization is renewed, or cannot be (error).
typedef void (*registry_auth_done)(const holm_error *error, void *data);

typedef struct registry_auth_waiter {
    registry_auth_done done;
    void *data;
    struct registry_auth_waiter *next;
} registry_auth_waiter;

struct registry {
    uv_loop_t *loop;
    http_client *http;
    credential_broker *broker;
    char *host, *repository, *base_url;
    http_certificates *certificates;
    bool secure, reached; ///< https; it has answered at least once
    bool push;
    char *sources[REGISTRY_SOURCES_MAX];
    size_t source_count;
    unsigned backoff_ms, stall_seconds;
    registry_fetch *fetches; ///< a list
    buffer warnings;         ///< lines
    // authorization, in registry_auth.c
    char *authorization;            ///< the header's value, or NULL
    unsigned generation;            ///< counts renewals: a request made with an older one is just made again
    challenge asked;                ///< what is being answered
    registry_auth_waiter *waiters;  ///< not NULL: a renewal is under way
    struct registry_lookup *lookup; ///< the credentials are being looked up, or are here
    bool looked_up;
    credentials known;
    http_request *token_request;
    buffer token_answer;
};

/// Answers the challenge (taken over); `done` comes from the loop.
void registry_auth_renew(registry *self, challenge *asked, registry_auth_done done, void *data);
/// Takes the waiter away, before its `done`.
void registry_auth_forget(registry *self, const void *data);
void registry_auth_finish(registry *self);

/// Of a 401: takes its challenges and renews with the strongest one as registry_auth_renew does. False: there
/// is none.
bool registry_auth_answer(registry *self, const http_request *request, registry_auth_done done, void *data);
/// The registry does not let us: `text` (may be NULL) is its own word.
void registry_set_denied(const registry *self, const char *text, holm_error **error);

/// Reads the token service's answer: the token's text, checked to be safe in a header. The caller frees it.
char *registry_token_parse(const char *text, size_t length, holm_error **error);
/// Takes the warnings of an answer.
void registry_take_warnings(registry *self, const http_request *answer);
/// The message of an error answer, made printable; NULL when there is none. The caller frees it.
char *registry_error_text(const char *text, size_t length);
