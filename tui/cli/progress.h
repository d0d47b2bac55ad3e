// The progress of image work: lines that change on a terminal, plain lines elsewhere, or JSON for programs.
// All of it on standard error.
#pragma once

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>

typedef enum progress_mode {
    PROGRESS_AUTO, ///< lines that change on a terminal, else plain ones
    PROGRESS_NONE,
    PROGRESS_PLAIN, ///< a line for each step
    PROGRESS_JSON,  ///< every item, one a line
} progress_mode;

/// --progress and -q; its input is a progress_mode.
extern const struct argp progress_argp;

typedef struct progress {
    progress_mode mode;
    bool live;      ///< lines that change
    unsigned drawn; ///< lines on the screen
    json_t *tasks;  ///< live: task → its last item; plain: task or layer → phase last told
} progress;

void progress_init(progress *self, progress_mode mode);
/// Shows an item of a pull or another task (core/holm.h); of several at once, too.
void progress_show(progress *self, const json_t *item);
/// Something else is about to be printed: what is on the screen stays as it is.
void progress_interrupt(progress *self);
void progress_finish(progress *self);
