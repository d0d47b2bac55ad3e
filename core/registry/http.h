// HTTP on a libuv loop: libcurl's multi interface, with bounds for what a hostile server can make us hold.
//
// Redirects are followed here and not by curl, so that who gets credentials is decided in one place: they go
// to the host they were meant for and to no other. From https nothing leads back to http.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/base/error.h"

#define HTTP_HEADERS_MAX   64          ///< header lines that are kept
#define HTTP_HEADER_BYTES  (64u << 10) ///< of all header lines of one response
#define HTTP_REDIRECTS_MAX 8
#define HTTP_URL_MAX       8192

typedef struct http_client http_client;
typedef struct http_request http_request;

typedef enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE } http_method;

/// What is sent along with a POST, PUT or PATCH: bytes (copied), or a part of a file that is read while it is
/// sent.
typedef struct http_content {
    const void *bytes; ///< NULL: those of fd
    int fd;            ///< duplicated, so that the caller may close it
    uint64_t offset,
        size; ///< offset: in the file. size 0: nothing is sent, which is said (Content-Length: 0)
} http_content;

typedef struct http_events {
    /// The head of the response that counts (after redirects) is here. May be NULL.
    void (*head)(http_request *request, long status, void *data);
    /// Bytes of the body. May be NULL.
    void (*body)(http_request *request, const void *bytes, size_t length, void *data);
    /// So many bytes of the request's content have been handed to the system. Starts anew with a redirect.
    /// May be NULL.
    void (*sent)(http_request *request, uint64_t count, void *data);
    /// Exactly once, last: error NULL, and the response came whole (of whatever status); else UNAVAILABLE for
    /// what may work another time, or another code. The request is freed after the call.
    void (*done)(http_request *request, const holm_error *error, void *data);
} http_events;

/// Whom to trust, and who to be, in TLS.
typedef struct http_certificates {
    char *authorities;       ///< PEM text of authorities to trust as well, or NULL
    char *certificate, *key; ///< files of ours for the URL's own host only, or NULL
    bool unverified;         ///< the URL's own host may be anybody
} http_certificates;

typedef struct http_options {
    http_method method;
    const char *url;            ///< http or https
    const char *const *headers; ///< "Accept: …", NULL-terminated, or NULL; sent to every host
    const char *authorization;  ///< "Bearer …" or NULL: for the URL's own scheme, host and port only
    const http_content
        *content;           ///< of a POST, PUT or PATCH, its type among the headers; NULL: nothing. Follows
                            ///< redirects 307 and 308 only; what is to be a GET instead ends there
    const char *form;       ///< application/x-www-form-urlencoded body: a POST, never redirected. Or NULL
    uint64_t from;          ///< the first byte asked for (Range); 0: all
    uint64_t body_max;      ///< a longer body ends the request with LIMIT; 0: no bound
    unsigned stall_seconds; ///< no bytes for so long end it with UNAVAILABLE; 0: 60
    const http_certificates *certificates; ///< or NULL
} http_options;

/// curl_global_init has been called. The loop is borrowed.
http_client *http_client_create(uv_loop_t *loop);
/// Ends every request without `done`; the loop has to run once more to let go of the handles. Accepts NULL.
void http_client_destroy(http_client *client);

/// Starts a request; everything in options is copied. Never NULL: what goes wrong comes through `done`.
http_request *http_request_start(http_client *client, const http_options *options, const http_events *events,
                                 void *data);
/// Ends it; `done` does not come any more. Also from within its callbacks. Accepts NULL.
void http_request_cancel(http_request *request);
/// No more body for now: the peer is slowed down. What curl has in its hands may still come first.
void http_request_pause(http_request *request);
void http_request_resume(http_request *request);

/// The `index`th value of a header, or NULL. Only printable ASCII is in it. Owned by the request.
const char *http_request_header(const http_request *request, const char *name, unsigned index);
long http_request_status(const http_request *request);
/// Where it stands: after redirects the last of them. Owned by the request.
const char *http_request_url(const http_request *request);

/// A Location as it stands in an answer of `base`: an absolute URL without user, or NULL. The caller frees
/// it.
char *http_url_resolve(const char *base, const char *location);
/// "scheme://host:port" of a URL, what credentials are bound to; NULL: it is no http or https URL, or too
/// long. scheme_out (may be NULL) becomes its scheme. The caller frees both.
char *http_origin_of(const char *url, char **scheme_out);
