// Calls on the machine as a whole: what a fresh one needs, its clock and names, its devices, its end.
#pragma once

#include "core/base/buffer.h"
#include "guest/agent.h"
#include "guest/call.h"

void machine_prepare(agent *self, const ProtobufCMessage *request, call *answer);
ProtobufCMessage *machine_ping(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *machine_set_time(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *machine_sysctl(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *machine_setup_emulator(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *machine_setenv(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *machine_getenv(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *machine_rescan(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *machine_eject(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *machine_sync(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *machine_set_limits(agent *self, const ProtobufCMessage *request, holm_error **error);
ProtobufCMessage *machine_reset(agent *self, const ProtobufCMessage *request, holm_error **error);
void machine_shutdown(agent *self, const ProtobufCMessage *request, call *answer);

/// The parts of Prepare that are calls of their own as well.
int machine_set_clock(int64_t unix_ns, holm_error **error);
int machine_set_sysctl(agent *self, const char *key, const char *value, holm_error **error);
int machine_rescan_pci(holm_error **error);
/// Unmounts the container's tree and what it stands on; `problem` gets what could not be.
void machine_unmount_all(buffer *problem);
/// Looks for devices on a worker.
void machine_rescan_begin(agent *self);
