// The small confined programs that do what a front end must not do itself (holm-disk, holm-copy). They say
// what went wrong on descriptor 2, as three lines: code, message, hint. All of it blocks: on a worker.
#pragma once

#include "core/base/process.h"
#include "core/holm_internal.h"

typedef struct holm_helper {
    int pidfd, errors; ///< -1: none
} holm_helper;
#define HOLM_HELPER_INIT \
    { -1, -1 }

/// Starts it with these descriptors (2 is added) and no environment.
int holm_helper_start(holm_helper *self, const char *const *argv, const process_fd *fds, size_t count,
                      holm_error **error);
/// Waits for its end; what it says goes to the error.
int holm_helper_wait(holm_helper *self, holm_error **error);
/// Ends one that was not waited for.
void holm_helper_finish(holm_helper *self);

/// Reads up to the end; -1 when it fails or there is more than `most`.
int holm_helper_read(int fd, size_t most, buffer *out);

// ---- holm_disk.c ----

/// Starts holm-disk on the disk of self->document (or, where it runs, the copy that its shim has just made);
/// `path` (may be NULL) is the mode's argument.
int holm_disk_start(holm_request *self, const char *mode, const char *path, int output, holm_helper *out,
                    holm_error **error);
/// Waits for its end. STATE where the container was started meanwhile, and the disk is not what it was.
int holm_disk_wait(const holm_request *self, holm_helper *helper, holm_error **error);
