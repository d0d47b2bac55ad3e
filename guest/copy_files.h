// Files into and out of the container's root as a tar stream. Runs in a process of its own: it may block on
// disks and pipes, and what it parses comes from outside.
#pragma once

#include "guest/agent.pb-c.h"

#include "core/base/error.h"

/// Unpacks what comes from `input` into the folder header->path. Links that are there are followed as the
/// container would; names that climb are refused.
int copy_files_in(const Holm__Agent__V1__CopyHeader *header, int input, Holm__Agent__V1__CopyResult *result,
                  holm_error **error);
/// Packs the file or folder header->path to `output`; entries are named from its last part on.
int copy_files_out(const Holm__Agent__V1__CopyHeader *header, int output, Holm__Agent__V1__CopyResult *result,
                   holm_error **error);
