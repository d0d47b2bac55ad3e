#include "core/rpc/status.h"

#include <ctype.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buffer.h"

static const struct {
    const char *name;
    holm_error_code error;
} codes[] = {
    [RPC_OK] = {"ok", HOLM_ERROR_INTERNAL},
    [RPC_CANCELLED] = {"cancelled", HOLM_ERROR_CANCELLED},
    [RPC_UNKNOWN] = {"unknown error", HOLM_ERROR_INTERNAL},
    [RPC_INVALID_ARGUMENT] = {"invalid argument", HOLM_ERROR_INVALID},
    [RPC_DEADLINE_EXCEEDED] = {"no answer in time", HOLM_ERROR_UNAVAILABLE},
    [RPC_NOT_FOUND] = {"not found", HOLM_ERROR_NOT_FOUND},
    [RPC_ALREADY_EXISTS] = {"exists already", HOLM_ERROR_EXISTS},
    [RPC_PERMISSION_DENIED] = {"permission denied", HOLM_ERROR_DENIED},
    [RPC_RESOURCE_EXHAUSTED] = {"over a limit", HOLM_ERROR_LIMIT},
    [RPC_FAILED_PRECONDITION] = {"not possible in this state", HOLM_ERROR_STATE},
    [RPC_ABORTED] = {"aborted", HOLM_ERROR_STATE},
    [RPC_OUT_OF_RANGE] = {"out of range", HOLM_ERROR_INVALID},
    [RPC_UNIMPLEMENTED] = {"not implemented there", HOLM_ERROR_UNSUPPORTED},
    [RPC_INTERNAL] = {"internal error", HOLM_ERROR_INTERNAL},
    [RPC_UNAVAILABLE] = {"the other side is gone", HOLM_ERROR_UNAVAILABLE},
    [RPC_DATA_LOSS] = {"data lost", HOLM_ERROR_INTEGRITY},
    [RPC_UNAUTHENTICATED] = {"not authenticated", HOLM_ERROR_DENIED},
};

static const rpc_code code_of_error[] = {
    [HOLM_ERROR_INTERNAL] = RPC_INTERNAL,
    [HOLM_ERROR_INVALID] = RPC_INVALID_ARGUMENT,
    [HOLM_ERROR_NOT_FOUND] = RPC_NOT_FOUND,
    [HOLM_ERROR_EXISTS] = RPC_ALREADY_EXISTS,
    [HOLM_ERROR_IN_USE] = RPC_FAILED_PRECONDITION,
    [HOLM_ERROR_STATE] = RPC_FAILED_PRECONDITION,
    [HOLM_ERROR_DENIED] = RPC_PERMISSION_DENIED,
    [HOLM_ERROR_UNAVAILABLE] = RPC_UNAVAILABLE,
    [HOLM_ERROR_INTEGRITY] = RPC_DATA_LOSS,
    [HOLM_ERROR_LIMIT] = RPC_RESOURCE_EXHAUSTED,
    [HOLM_ERROR_NO_SPACE] = RPC_RESOURCE_EXHAUSTED,
    [HOLM_ERROR_NO_MEMORY] = RPC_RESOURCE_EXHAUSTED,
    [HOLM_ERROR_UNSUPPORTED] = RPC_UNIMPLEMENTED,
    [HOLM_ERROR_CANCELLED] = RPC_CANCELLED,
    [HOLM_ERROR_NOT_EXECUTABLE] = RPC_FAILED_PRECONDITION,
    [HOLM_ERROR_PROGRAM_NOT_FOUND] = RPC_NOT_FOUND,
};

const char *rpc_code_name(rpc_code code) {
    return (size_t)code < array_length(codes) ? codes[code].name : codes[RPC_UNKNOWN].name;
}

rpc_code rpc_code_parse(const char *text) {
    char *end = NULL;
    unsigned long number = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : array_length(codes);
    return number < array_length(codes) && !*end ? (rpc_code)number : RPC_UNKNOWN;
}

rpc_code rpc_code_from_error(holm_error_code code) {
    return (size_t)code < array_length(code_of_error) && code ? code_of_error[code] : RPC_UNKNOWN;
}

holm_error_code rpc_code_to_error(rpc_code code) {
    return (size_t)code < array_length(codes) ? codes[code].error : HOLM_ERROR_INTERNAL;
}

rpc_code rpc_code_from_http(int status) {
    switch (status) {
    case 400:
        return RPC_INTERNAL;
    case 401:
        return RPC_UNAUTHENTICATED;
    case 403:
        return RPC_PERMISSION_DENIED;
    case 404:
        return RPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return RPC_UNAVAILABLE;
    default:
        return RPC_UNKNOWN;
    }
}

rpc_code rpc_code_from_reset(uint32_t error_code) {
    switch (error_code) {
    case NGHTTP2_REFUSED_STREAM:
        return RPC_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return RPC_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return RPC_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return RPC_PERMISSION_DENIED;
    default:
        return RPC_INTERNAL;
    }
}

uint32_t rpc_code_to_reset(rpc_code code) {
    switch (code) {
    case RPC_RESOURCE_EXHAUSTED:
        return NGHTTP2_ENHANCE_YOUR_CALM;
    case RPC_INTERNAL:
        return NGHTTP2_INTERNAL_ERROR;
    default:
        return NGHTTP2_CANCEL;
    }
}

char *rpc_percent_encode(const char *text, size_t most) {
    static const char digits[] = "0123456789ABCDEF";
    cleanup_buffer buffer out = BUFFER_INIT;
    size_t whole = 0; // length of the result up to the last whole character
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
        if ((*byte & 0xc0) != 0x80)
            whole = out.length;
        if (*byte >= 0x20 && *byte < 0x7f && *byte != '%')
            buffer_append(&out, byte, 1);
        else
            buffer_append(&out, (char[]){'%', digits[*byte >> 4], digits[*byte & 15]}, 3);
        if (out.length > most) {
            out.length = whole < most ? whole : most;
            break;
        }
    }
    return buffer_steal_text(&out);
}

static int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

char *rpc_percent_decode(const char *text, size_t length) {
    cleanup_buffer buffer out = BUFFER_INIT;
    for (size_t i = 0; i < length; i++) {
        int high = text[i] == '%' && i + 2 < length ? hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        char byte = low >= 0 ? (char)(high << 4 | low) : text[i];
        if (!byte)
            break;
        buffer_append(&out, &byte, 1);
        if (low >= 0)
            i += 2;
    }
    return buffer_steal_text(&out);
}

uint64_t rpc_timeout_parse(const char *text) {
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 8 || !text[digits] || text[digits + 1])
        return 0;
    uint64_t amount = strtoull(text, NULL, 10);
    uint64_t milliseconds;
    switch (text[digits]) {
    case 'H':
        milliseconds = amount * 3600000;
        break;
    case 'M':
        milliseconds = amount * 60000;
        break;
    case 'S':
        milliseconds = amount * 1000;
        break;
    case 'm':
        milliseconds = amount;
        break;
    case 'u':
        milliseconds = (amount + 999) / 1000;
        break;
    case 'n':
        milliseconds = (amount + 999999) / 1000000;
        break;
    default:
        return 0;
    }
    return milliseconds ? milliseconds : 1;
}

void rpc_timeout_format(uint64_t milliseconds, char out[static 16]) {
    if (milliseconds <= 99999999)
        snprintf(out, 16, "%um", (unsigned)milliseconds);
    else
        snprintf(out, 16, "%uS", (unsigned)(milliseconds / 1000 % 100000000));
}
