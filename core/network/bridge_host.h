// What a network with the driver "bridge" needs of its host, and leaves there when its process is killed.
#pragma once

#include "core/base/error.h"
#include "core/base/path.h"

#define BRIDGE_NAME_SIZE 16
#define BRIDGE_PREFIX    "holm-"

/// The bridge of the network with this folder (see network_runtime_folder): "holm-" and 8 hex digits.
void bridge_name(const char *folder, char out[BRIDGE_NAME_SIZE]);

/// Whether a network could be made here: with the rights, taps, nft and all that its rules need. An error
/// says what is missing. Changes nothing.
int bridge_check(holm_error **error);

/// Takes bridge and rules away which the network's process has left behind. While that lives it does so
/// itself. What is not there is no error.
int bridge_clean(const paths *where, const char *const *words, holm_error **error);
