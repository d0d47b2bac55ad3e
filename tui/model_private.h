// How documents are taken apart, for the files of the model.
#pragma once

#include "tui/model.h"

/// A string of a document, safe to show; "" where there is none. The caller frees it.
char *model_text(const json_t *value);
/// A count or a size; 0 where there is none.
uint64_t model_number(const json_t *object, const char *key);
/// Unix seconds of a time that is RFC 3339 text or a number of nanoseconds; 0: none.
int64_t model_time(const json_t *value);

/// A new task, the oldest that is over goes where there are too many.
model_task *model_new_task(model_state *self, const char *id);
void model_networks_finish(model_state *self);
void model_volumes_finish(model_state *self);
void model_events_finish(model_state *self);
void model_checks_finish(model_state *self);
