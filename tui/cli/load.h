// What load and import share: a task that is shown until it is done.
#pragma once

#include "tui/cli/cli.h"
#include "tui/cli/progress.h"

typedef struct load {
    cli owner;
    char **references;
    progress_mode mode;
    json_t *changes;
    progress progress;
} load;

void load_item(holm_watch *watch, json_t *item, void *data);
void load_ended(holm_watch *watch, const holm_error *error, void *data);
