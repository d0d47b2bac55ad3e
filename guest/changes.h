// What the host changes in its shared folders becomes events in the guest: inotify and fanotify hear nothing
// of it by themselves. The kernel's part is /dev/fuse-report (kernel/fuse-report.patch).
#pragma once

#include "guest/agent.h"

/// From now on the kernel keeps what the guest changes, so that it is not told back.
void changes_expect(void);
/// A call. UNSUPPORTED: this kernel has no such device.
ProtobufCMessage *changes_report(agent *self, const ProtobufCMessage *request, holm_error **error);
