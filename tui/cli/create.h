// What run and create share: an image that may have to be pulled first, then the container.
#pragma once

#include "tui/cli/cli.h"
#include "tui/cli/options.h"
#include "tui/cli/progress.h"

typedef struct creation creation;
/// The container's document; borrowed.
typedef void (*creation_done)(creation *self, json_t *document);

struct creation {
    cli owner;
    container_options options;
    json_t *request;
    progress progress;
    bool pulled, made, has_cidfile;
    int cidfile;         ///< a new file, removed when nothing is made
    holm_error *refused; ///< while the image is looked for
    creation_done done;  ///< not called when it failed: the exit code is set then
};

/// Creates on the open cli; pulls as --pull says.
void creation_begin(creation *self, creation_done done);
void creation_finish(creation *self);
/// For a parser: the image and what follows it. true when the key was taken.
bool creation_take_arguments(creation *self, int key, struct argp_state *state);
