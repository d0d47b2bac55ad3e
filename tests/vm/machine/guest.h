// A machine under test, driven step by step: each helper runs the loop until its answer is there.
#pragma once

#include <stdbool.h>
#include <uv.h>

#include "vm/machine.h"

typedef struct guest {
    uv_loop_t loop;
    machine *machine;
    char directory[64]; ///< its runtime folder, 0700
    char log[80];
    bool ready, closed;
    machine_end end;
    char problem[512]; ///< what `failed` said
    double started_ms, ready_ms;
} guest;

double now_ms(void);
/// Makes and starts one; `disks` may be NULL. False: it could not even be made.
void guest_create(guest *self, unsigned cpus, unsigned memory_mib, const char *templates);
/// Starts it and waits until it is ready, or closed.
void guest_start(guest *self);
/// A connection to a port, blocking; -1 when it was refused.
int guest_connect(guest *self, unsigned port);
/// One line to the command port and its answer, without the line end.
void guest_command(guest *self, const char *line, char *answer, size_t most);
/// Stops it, waits for the end, and frees everything.
void guest_destroy(guest *self);
/// Runs the loop until *flag.
void guest_wait(guest *self, const bool *flag);
/// Runs `work` on a thread of its own while the loop runs, until it has returned.
void guest_run_beside(guest *self, void (*work)(void *data), void *data);

/// Writes the test guest's initramfs.
void initramfs_write(const char *path);
/// One for the whole run, since templates know it by its file.
const char *initramfs_path(void);
/// The kernel to test with: HOLM_TEST_KERNEL, or the one that kernel/build.sh has made.
const char *kernel_path(void);
