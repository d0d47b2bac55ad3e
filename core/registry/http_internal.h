// Between the files of the HTTP client.
#pragma once

#include <curl/curl.h>

#include "core/registry/http.h"
#include "core/registry/http_body.h"

struct http_client {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    http_request *requests; // a list
    unsigned inside;        // curl is at work: handles must be neither added nor removed
    unsigned telling;       // a `done` is being told
};

struct http_request {
    http_client *client;
    http_request *next, **link;
    CURL *easy;
    http_events events;
    void *data;
    char *url; // where it stands now
    struct curl_slist *headers, *headers_with_authorization;
    char *form;
    http_method method;
    http_body *content; // what a file gives, or NULL
    uint64_t sent;
    uint64_t from, body_max, received;
    char *origin; // scheme, host and port the credentials are for; NULL: none
    char *home;   // the same of who gets our certificate, and need not be verified; NULL: nobody
    unsigned redirects;
    char *header_lines[HTTP_HEADERS_MAX];
    size_t header_count, header_bytes;
    long status;
    bool head_told, paused, starved, cancelled, added, waiting;
    holm_error *refusal; // why we broke it off
    char curl_error[CURL_ERROR_SIZE];
};

/// Keeps the first refusal.
void http_request_refuse(http_request *self, holm_error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/// Curl's word for what is paused just now: the answer, and a content that has to be read first.
void http_request_apply_pauses(http_request *self);

/// In http_setup.c: all that is fixed for the request's life, callbacks of the answer excepted.
void http_request_set_up(http_request *self, const http_options *options);
/// The request leaves its host: the certificate that is ours stays behind, and who comes next is verified.
void http_request_leave_home(http_request *self);
/// Before every transfer, also the one after a redirect.
void http_request_rewind(http_request *self);
