// A file that a command writes for the user: it has its name only when it is whole, and none before.
#pragma once

#include "core/base/error.h"

typedef struct holm_output {
    int fd;          ///< -1: none
    char *path;      ///< where it goes; NULL: it is there already (a pipe, a device, standard output)
    char *temporary; ///< beside it; NULL: it has no name yet
} holm_output;
#define HOLM_OUTPUT_INIT \
    { -1, NULL, NULL }

/// `path` NULL: standard output. What is there and no file is written to as it is; a link stays one. Blocks.
int holm_output_open(holm_output *self, const char *path, holm_error **error);
/// All of it is written. Blocks.
int holm_output_keep(holm_output *self, holm_error **error);
/// What was not kept is gone.
void holm_output_finish(holm_output *self);
