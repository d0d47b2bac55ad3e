// Whether others remove tables of nf_tables that are ours: the kernel tells everyone of every change.
#pragma once

#include <uv.h>

#include "core/base/error.h"

typedef struct table_watch table_watch;

/// `lost`: a table of this name (borrowed) was removed, of whatever family, or so much has changed that it
/// may have been.
table_watch *table_watch_create(uv_loop_t *loop, const char *name, void (*lost)(void *data), void *data,
                                holm_error **error);
/// What was told until now was our own doing. Accepts NULL.
void table_watch_forget(table_watch *self);
/// Accepts NULL.
void table_watch_destroy(table_watch *self);
