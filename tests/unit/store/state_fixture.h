// A data folder of its own for each test, and documents to put into it.
#pragma once

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/path.h"
#include "core/store/state.h"

static inline int folder_setup(void **test) {
    char *folder = strdup("/tmp/holm-state-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    *test = folder;
    return 0;
}

static inline int folder_teardown(void **test) {
    path_remove_tree(*test, NULL);
    free(*test);
    return 0;
}

static inline state *open_state(void **test) {
    holm_error *error = NULL;
    state *opened = state_open(*test, &error);
    if (!opened)
        fail_msg("%s", holm_error_message(error));
    return opened;
}

static inline json_t *container_document(const char *id, const char *name, const char *image) {
    return json_pack("{s:s, s:{s:s, s:s?}, s:{s:s}}", "id", id, "configuration", "name", name, "imageId",
                     image, "status", "state", "created");
}

static inline json_t *image_document(const char *id, const char *file) {
    return json_pack("{s:s, s:{s:s}, s:{s:s, s:[{s:s, s:s}]}}", "id", id, "configuration", "platform",
                     "linux/amd64", "status", "configDigest", "sha256:cc", "layers", "file", file, "digest",
                     "sha256:dd");
}
