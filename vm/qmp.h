// A client of the QEMU Machine Protocol (QEMU docs/interop/qmp-spec) on a connected stream socket: JSON
// lines, replies by id, events, and descriptors sent along with a command (getfd, add-fd).
#pragma once

#include <jansson.h>
#include <uv.h>

#include "core/base/error.h"

typedef struct qmp qmp;

/// result: the value of "return", borrowed; NULL with an error.
typedef void (*qmp_reply)(json_t *result, const holm_error *error, void *data);

typedef struct qmp_events {
    /// `information` ("data" of the event) is borrowed and may be NULL.
    void (*event)(const char *name, json_t *information, void *data);
    /// The other end is gone or talks nonsense. Once; qmp_destroy may be called from here.
    void (*lost)(const holm_error *error, void *data);
} qmp_events;

/// Takes fd over, always. Commands may be given at once; they are answered in order after the handshake.
qmp *qmp_create(uv_loop_t *loop, int fd, const qmp_events *events, void *data, holm_error **error);

/// Sends a command. `arguments` is stolen and may be NULL. fd (or -1) goes along with it and is taken over.
/// `reply` may be NULL: then a failure is only logged. Replies that are still due when the client is
/// destroyed or lost come with an error first.
void qmp_execute(qmp *self, const char *command, json_t *arguments, int fd, qmp_reply reply, void *data);

/// Accepts NULL. No callback comes after it but those for replies still due, which come from within.
void qmp_destroy(qmp *self);

/// The parser by itself, for the fuzzer and the tests: one line of QMP. Returns a new reference, or NULL.
json_t *qmp_parse_line(const char *line, size_t length);
