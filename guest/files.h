// Calls on files: mounts, folders, files, their state; in the container's root unless said otherwise.
#pragma once

#include "guest/agent.h"
#include "guest/call.h"

ProtobufCMessage *files_mount(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *files_unmount(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *files_mkdir(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *files_write(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *files_stat(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *files_operation(agent *self, const ProtobufCMessage *request, holm_error **error);

/// Mounts now, or keeps the request for the first process (see container_mounts.h).
int files_mount_one(agent *self, const Holm__Agent__V1__MountRequest *request, holm_error **error);
/// Writes /etc/machine-id where the image has an empty one or none at all.
int files_write_machine_id(const char *id, holm_error **error);
/// Replaces the content of a file in the container's root, made with its folders where missing. A link at its
/// place that leads nowhere is replaced.
int files_replace(const char *path, const void *data, size_t length, mode_t mode, holm_error **error);
