// What a container says of its folders and files, as documents. It is the guest's word: bounded here again,
// and nothing in it is believed to be a name before it was looked at.
#pragma once

#include "core/container/shim_protocol.h"
#include "core/holm.h"

#define HOLM_FOLDER_ENTRIES_MOST 4096
#define HOLM_FILE_MOST           (256u << 10) ///< bytes of a file that are shown

/// As holm_container_folder has it.
json_t *holm_folder_document(const Holm__Agent__V1__FolderResponse *answer);
/// As holm_container_file has it.
json_t *holm_file_document(const Holm__Agent__V1__FileResponse *answer);
