// One QEMU process on a libuv loop: started with its descriptors, watched by its pidfd, its complaints
// (standard error) kept. It ends with its parent.
#pragma once

#include <uv.h>

#include "core/base/confine.h"
#include "core/base/error.h"

/// The descriptors that the process is given, by their number there.
enum qemu_fd { QEMU_FD_MEMORY = 3, QEMU_FD_QMP, QEMU_FD_CONSOLE, QEMU_FD_VSOCK, QEMU_FD_END };

/// Our ends of its sockets, owned by whoever has the structure; -1: none (any more).
typedef struct qemu_links {
    int qmp, console, vsock;
} qemu_links;

#define QEMU_LINKS_NONE ((qemu_links){-1, -1, -1})
void qemu_links_close(qemu_links *self);

typedef struct qemu_process qemu_process;

/// arguments: NULL-terminated, the program first. memory_fd is borrowed; confinement may be NULL. `ended`
/// comes once with the exit code (128 + signal), with the process reaped.
qemu_process *qemu_process_start(uv_loop_t *loop, char *const *arguments, int memory_fd,
                                 const confine *confinement, qemu_links *links,
                                 void (*ended)(int code, void *data), void *data, holm_error **error);
pid_t qemu_process_pid(const qemu_process *self);
void qemu_process_kill(qemu_process *self);
/// Kills it when it has not ended by then.
void qemu_process_end_within(qemu_process *self, unsigned milliseconds);
void qemu_process_end_never(qemu_process *self);
/// The last that it complained of, "" for nothing. Owned by the process.
const char *qemu_process_complaint(const qemu_process *self);
/// A process that has not ended is killed, and reaped when it has. `ended` does not come any more. Accepts
/// NULL.
void qemu_process_destroy(qemu_process *self);
