// What gRPC writes into headers: status codes, percent-encoded messages, timeouts.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/rpc/rpc.h"

const char *rpc_code_name(rpc_code code);
/// The code of a header's text; UNKNOWN when it is none.
rpc_code rpc_code_parse(const char *text);
rpc_code rpc_code_from_error(holm_error_code code);
holm_error_code rpc_code_to_error(rpc_code code);
/// What an HTTP status other than 200 means ("HTTP to gRPC Status Code Mapping").
rpc_code rpc_code_from_http(int status);
/// What a reset means (RFC 9113 section 7, "gRPC over HTTP2", Errors).
rpc_code rpc_code_from_reset(uint32_t error_code);
uint32_t rpc_code_to_reset(rpc_code code);

/// Percent-encodes, at most `most` bytes of result, cut between characters. The caller frees it.
char *rpc_percent_encode(const char *text, size_t most);
/// Decodes in a new string; what is no valid escape stays as it is, NUL ends it. The caller frees it.
char *rpc_percent_decode(const char *text, size_t length);

/// "grpc-timeout": at most eight digits and a unit. Returns the milliseconds, rounded up, or 0 when the text
/// is no timeout. "0m" gives 1: it is over as soon as it starts.
uint64_t rpc_timeout_parse(const char *text);
void rpc_timeout_format(uint64_t milliseconds, char out[static 16]);
