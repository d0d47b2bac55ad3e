// What each step of a command took, as a Chrome trace (the trace event format's JSON array, whose closing
// bracket may be missing): every process with a part in it appends events to the one file, a line and a
// write(2) each, all on CLOCK_MONOTONIC. Open the file in chrome://tracing or ui.perfetto.dev.
//
// Each process is a row, by its pid.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"

// Rows of what is not a process of ours.
#define TRACE_GUEST 1 ///< the agent, which is process 1 of its machine
#define TRACE_VMM   2 ///< the commands given to it
#define TRACE_COPY  3 ///< a template's memory on its way to a clone

/// Begins the file `path` and makes this process, and those that it starts, part of it (HOLM_TRACE).
int trace_create(const char *path, const char *process, holm_error **error);
/// Joins the trace that HOLM_TRACE names; without one, nothing is traced. Once, before there are threads.
void trace_init(const char *process);
bool trace_enabled(void);
/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t trace_now(void);
/// All that this process did since its last step (or the beginning), under this name. From any thread.
void trace_step(const char *name);
/// Names another row.
void trace_row(unsigned row, const char *name);
void trace_span(unsigned row, const char *name, uint64_t begin_ns, uint64_t end_ns);
