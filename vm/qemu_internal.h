// What the files of the QEMU driver share: vm/qemu.c (life), vm/qemu_command.c (command line) and
// vm/qemu_devices.c (disks and cards over QMP).
#pragma once

#include "core/base/buffer.h"
#include "core/base/confine.h"
#include "vm/console.h"
#include "vm/guest_memory.h"
#include "vm/machine.h"
#include "vm/qmp.h"
#include "vm/vsock.h"
#include "vm/vsock_gate.h"

// Slots of PCI bus 0. 0 and 1 belong to the chipset.
#define QEMU_SLOT_BALLOON 2
#define QEMU_SLOT_RANDOM  3
#define QEMU_SLOT_VSOCK   4
#define QEMU_SLOT_FIRST   5
#define QEMU_SLOT_COUNT   32

#define QEMU_AGENT_PORT 1024

typedef enum qemu_state {
    QEMU_CREATED,
    QEMU_STARTING, ///< the process runs, the guest is not there yet
    QEMU_RUNNING,
    QEMU_STOPPING,
    QEMU_CLOSED,
} qemu_state;

/// The descriptors that the process is given, by their number there.
enum qemu_fd { QEMU_FD_MEMORY = 3, QEMU_FD_QMP, QEMU_FD_CONSOLE, QEMU_FD_VSOCK, QEMU_FD_END };

typedef struct qemu_device {
    struct qemu_device *next;
    char name[32];
    int slot;
    bool is_card;
    bool given; ///< to the VMM
    bool removing;
    int *fds; ///< to be given to QEMU when it is plugged; -1 once they are
    size_t fd_count;
    uint64_t first_set; ///< disks: the fd sets are this and the following
    bool read_only;
    bool layers; ///< fds: descriptor, table, layers …
    uint8_t mac[6];
    unsigned mtu;
    machine_done removed;
    void *removed_data;
} qemu_device;

struct machine {
    uv_loop_t *loop;
    machine_events events;
    void *data;
    qemu_state state;
    unsigned cpus;
    uint64_t memory_bytes;
    machine_accelerator accelerator;
    bool confine;
    char *program, *kernel, *initramfs, *kernel_arguments, *runtime_directory, *boot_log, *template_directory;
    uint32_t context_id;

    guest_memory memory;
    pid_t pid;
    int pidfd;
    uv_poll_t end;
    uv_timer_t deadline; ///< for the end that was asked for
    uv_poll_t ready;     ///< on the connection by which the agent says so
    int ready_fd;
    uv_poll_t complaints; ///< QEMU's standard error
    int complaints_fd;
    buffer complaint; ///< the last of it
    qmp *qmp;
    console *console;
    vsock *vsock;
    vsock_gate *gate, *agent_gate;
    qemu_device *devices;
    uint64_t next_set;
    bool said_ready, guest_ended, failed;
    holm_error *problem; ///< the first thing that went wrong since the last settle
    unsigned closing;    ///< handles that libuv still has
    bool destroyed;
};

/// The path of QEMU's program; the caller frees it.
char *qemu_program(void);

/// The arguments of the VMM: a NULL-terminated array in one allocation each; freed by qemu_command_free.
char **qemu_command_make(const machine *self);
void qemu_command_free(char **arguments);

/// The confinement of the VMM.
confine *qemu_confine(const machine *self);

int qemu_add_disk(machine *self, const machine_disk *disk, holm_error **error);
int qemu_add_card(machine *self, const machine_card *card, holm_error **error);
void qemu_remove_device(machine *self, const char *name, machine_done done, void *data);
int qemu_device_slot(const machine *self, const char *name);
/// Gives every device to a running VMM that it does not have yet.
void qemu_plug_all(machine *self);
/// The VMM's word that a device is gone (event DEVICE_DELETED).
void qemu_device_deleted(machine *self, const char *name);
void qemu_devices_finish(machine *self);

/// Notes the first thing that went wrong; before the guest runs it ends the start.
void qemu_problem(machine *self, const holm_error *error);
/// A qmp_reply for commands of which only failure matters; data is the machine.
void qemu_expect(json_t *result, const holm_error *error, void *data);
