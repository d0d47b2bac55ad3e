// What inspect of containers and of images share: all documents as one array, in the order asked for.
#pragma once

#include "tui/cli/cli.h"
#include "tui/cli/options.h"

typedef struct inspect_options {
    output_options output;
    char **references;
} inspect_options;

typedef void (*inspect_request)(holm_client *client, const char *reference, holm_done done, void *data);
/// Asks for each reference and prints what came. Returns the exit code.
int inspect_all(const inspect_options *options, inspect_request request);
