// The progress of image work: lines that change on a terminal, plain lines elsewhere.
#pragma once

#include <jansson.h>
#include <stdbool.h>

typedef struct progress {
    bool quiet;
    bool live;      ///< standard error is a terminal
    unsigned drawn; ///< lines on the screen
    char *last_phase;
    json_t *layers; ///< digest → phase last told (plain)
} progress;

void progress_init(progress *self, bool quiet);
/// Shows an item of a pull or another task (core/holm.h).
void progress_show(progress *self, const json_t *item);
void progress_finish(progress *self);
