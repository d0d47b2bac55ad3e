// Looking into folders and files of the container's root. Runs in a process of its own: it may block on file
// systems that the container has mounted. What it makes is never freed: the process ends with it.
#pragma once

#include "guest/agent.pb-c.h"

#include "core/base/error.h"

#define FOLDER_ENTRIES_MAX 4096
#define FOLDER_NAMES_MAX   65536        ///< that are looked at, to find the first ones
#define FOLDER_ANSWER_MAX  (2u << 20)   ///< bytes of names, targets and all, about
#define FOLDER_FILE_MAX    (256u << 10) ///< bytes of a file

int folder_files_list(const ProtobufCBinaryData *path, Holm__Agent__V1__FolderResponse *response,
                      holm_error **error);
int folder_files_read(const ProtobufCBinaryData *path, Holm__Agent__V1__FileResponse *response,
                      holm_error **error);
