// Errors: always the last parameter, set where they happen and wrapped with context on the way up.
//
// A function that can fail takes `holm_error **error` last and returns -1, NULL or false when it has failed.
// The caller passes NULL when it does not care. Like in GLib, *error must be NULL on entry.
#pragma once

#include <stdarg.h>

#include "core/base/cleanup.h"

typedef enum holm_error_code {
    HOLM_ERROR_INTERNAL = 1,      ///< something that should not happen: a bug, or a system call that failed
    HOLM_ERROR_INVALID,           ///< the request itself makes no sense
    HOLM_ERROR_NOT_FOUND,         ///< there is no such thing
    HOLM_ERROR_EXISTS,            ///< the name is taken
    HOLM_ERROR_IN_USE,            ///< it is there, and something needs it as it is
    HOLM_ERROR_STATE,             ///< not possible in the state it is in (not running, already paused …)
    HOLM_ERROR_DENIED,            ///< permission or credentials
    HOLM_ERROR_UNAVAILABLE,       ///< the other side is gone or does not answer
    HOLM_ERROR_INTEGRITY,         ///< bytes that are not what they claim to be
    HOLM_ERROR_LIMIT,             ///< a bound of ours was hit
    HOLM_ERROR_NO_SPACE,          ///< the disk is full
    HOLM_ERROR_NO_MEMORY,         ///< no memory for it
    HOLM_ERROR_UNSUPPORTED,       ///< this machine or this version cannot do it
    HOLM_ERROR_CANCELLED,         ///< someone asked for it to stop
    HOLM_ERROR_NOT_EXECUTABLE,    ///< the program is there and cannot be invoked (exit code 126)
    HOLM_ERROR_PROGRAM_NOT_FOUND, ///< there is no such program in the container (exit code 127)
} holm_error_code;

typedef struct holm_error holm_error;

/// Sets *error to a new error. `format` is one sentence without a final stop: what failed and on what.
void holm_error_set(holm_error **error, holm_error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void holm_error_set_va(holm_error **error, holm_error_code code, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/// The same from errno: appends its text, and chooses the code from it (ENOENT is NOT_FOUND, ENOSPC NO_SPACE
/// …).
void holm_error_set_errno(holm_error **error, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/// Puts a sentence of context before what is there: "pull alpine: <what failed>". Without an error, does
/// nothing.
void holm_error_wrap(holm_error **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Says what the user can do about it. The first hint set stays: it is nearest to the cause.
void holm_error_hint(holm_error **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Hands the error `from` (stolen) to the caller, or frees it when the caller does not care.
void holm_error_propagate(holm_error **error, holm_error *from);

holm_error *holm_error_copy(const holm_error *error);
void holm_error_free(holm_error *error);

holm_error_code holm_error_code_of(const holm_error *error);

/// A stable word for the code ("not-found"), for machines; and back (INTERNAL for a word that is not known).
const char *holm_error_code_name(holm_error_code code);
holm_error_code holm_error_code_parse(const char *name);

/// The whole sentence, contexts first, without the hint. Owned by the error.
const char *holm_error_message(const holm_error *error);

/// What to do about it, or NULL. Owned by the error.
const char *holm_error_hint_of(const holm_error *error);

/// The innermost cause and each context from the inside out, one per line, for --debug. The caller frees it.
char *holm_error_chain(const holm_error *error);

/// Where the contexts of the message end, for who hands it on as text: their lengths, the outermost first
/// ("12 30"). NULL where there is none. The caller frees it.
char *holm_error_seams(const holm_error *error);
/// Splits the message of an error without contexts there. Seams that do not fit are left alone.
void holm_error_split(holm_error *error, const char *seams);

CLEANUP_DEFINE(holm_error, holm_error_cleanup, holm_error_free)
#define cleanup_error cleanup(holm_error_cleanup)
