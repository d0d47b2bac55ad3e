// Where the sockets of what is running are.
#pragma once

#include "core/base/path.h"

/// Finds, makes (0700) and keeps the runtime folder for a data folder, which is there: $XDG_RUNTIME_DIR/holm,
/// else /run/user/UID/holm where that is the user's, else /tmp/holm-UID, which is also taken where the path
/// of a socket would be longer than an address holds. Where another data folder has it already, "-" and a sum
/// of the data folder's path are added. The caller frees it. NULL with DENIED where a folder of that name
/// belongs to somebody else.
char *path_runtime_find(const char *data_folder, holm_error **error);
