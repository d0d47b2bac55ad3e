// What the files of the QEMU driver share: vm/qemu.c (life), vm/qemu_command.c (command line) and
// vm/qemu_devices.c (disks and cards over QMP).
#pragma once

#include "core/base/buffer.h"
#include "core/base/confine.h"
#include "vm/console.h"
#include "vm/guest_memory.h"
#include "vm/machine.h"
#include "vm/qemu_process.h"
#include "vm/qmp.h"
#include "vm/template.h"
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

typedef enum qemu_role {
    QEMU_BOOT,     ///< boots the kernel
    QEMU_CLONE,    ///< loads a template
    QEMU_TEMPLATE, ///< boots to become one
} qemu_role;

typedef struct qemu_clone qemu_clone;
typedef struct qemu_maker qemu_maker;
typedef struct qemu_space qemu_space;

typedef struct qemu_device {
    struct qemu_device *next;
    char name[32];
    int slot;
    bool is_card;
    bool is_tap; ///< such a card
    bool is_share;
    bool placeholder; ///< of a template: has a size but nothing in it
    uint64_t bytes;   ///< of a disk
    bool given;       ///< to the VMM
    bool removing;
    int *fds; ///< to be given to QEMU when it is plugged; -1 once they are
    size_t fd_count;
    uint64_t first_set; ///< disks: the fd sets are this and the following
    unsigned content;   ///< how often it was given another one
    bool read_only;
    bool layers;   ///< fds: descriptor, table, layers …
    bool discards; ///< fds: overlay, the disk beneath
    uint8_t mac[6];
    unsigned mtu;
    machine_share share; ///< its tag is in share_tag
    char share_tag[36];
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
    bool confined;
    char *program, *kernel, *initramfs, *kernel_arguments, *runtime_directory, *boot_log, *template_directory;
    uint32_t context_id;

    char *template_key; ///< from the start on; NULL: no templates for this machine

    guest_memory memory;
    qemu_role role;
    qemu_process *process;
    qmp *qmp;
    console *console;
    vsock *vsock;
    vsock_gate *gate, *agent_gate;
    struct qemu_ready_link *ready_link;
    qemu_clone *clone; ///< while one is being brought up
    qemu_maker *maker; ///< while it waits for our word to make a template
    qemu_space *space; ///< while the host's disk has no room for what the guest writes
    qemu_device *devices;
    uint64_t next_set;
    void (*migration)(machine *self, const char *status); ///< hears how loading or saving goes, or NULL
    bool plugged; ///< the VMM has the devices; later ones are given at once
    bool said_ready, guest_ended, failed, paused;
    holm_error *problem; ///< the first thing that went wrong since the last settle
};

/// The path of QEMU's program; the caller frees it.
char *qemu_program(void);

/// The arguments of the VMM: a NULL-terminated array in one allocation each; freed by qemu_command_free.
char **qemu_command_make(const machine *self);
void qemu_command_free(char **arguments);

/// The confinement of the VMM.
confine *qemu_confine(const machine *self);
/// Confines this process, which makes a template and has seen to all that needs more, to what QEMU may reach
/// and the folder of the templates.
int qemu_confine_maker(const machine *self, holm_error **error);

int qemu_add_disk(machine *self, const machine_disk *disk, holm_error **error);
/// Opens the files of what is to be in a disk. 0 or -1.
int qemu_disk_open(machine *self, qemu_device *one, const machine_disk *disk, holm_error **error);
/// Gives the VMM the block node of a disk, under the name that qemu_disk_node says.
void qemu_disk_give_node(machine *self, qemu_device *one);
/// The caller frees it.
char *qemu_disk_node(const qemu_device *one);
/// Takes a node of such a disk and its descriptors away.
void qemu_disk_drop_node(machine *self, const char *node, uint64_t first_set, size_t fd_count);
void qemu_device_close_fds(qemu_device *self);
qemu_device *qemu_device_find(const machine *self, const char *name);
int qemu_change_disk(machine *self, const machine_disk *disk, holm_error **error);
int qemu_add_card(machine *self, const machine_card *card, holm_error **error);
int qemu_add_share(machine *self, const machine_share *share, holm_error **error);
/// Gives it to the VMM, with a daemon of its own. (Part of qemu_give_all.)
void qemu_give_share(machine *self, qemu_device *one);
void qemu_remove_device(machine *self, const char *name, machine_done done, void *data);
int qemu_device_slot(const machine *self, const char *name);
/// Gives every device to a running VMM that it does not have yet.
void qemu_give_all(machine *self);
/// What a template needs to know of the devices that there are, in their order: "ro:BYTES", "rw:BYTES",
/// "card:MTU".
char *qemu_devices_describe(const machine *self);
/// Adds devices that are like those described, and empty.
int qemu_devices_pretend(machine *self, const char *description, holm_error **error);
/// The VMM's word that a device is gone (event DEVICE_DELETED).
void qemu_device_deleted(machine *self, const char *name);
/// The guest is there: what was kept for a second try is closed.
void qemu_devices_settle(machine *self);
/// For a second try with another process: no device was given to it yet.
void qemu_devices_forget(machine *self);
void qemu_devices_finish(machine *self);

/// Starts the process, and joins control and console to it. Used by every role.
int qemu_process_bring(machine *self, int *vsock_fd, void (*ended)(int code, void *data),
                       void (*line)(const char *text, void *data), holm_error **error);
void qemu_process_let_go(machine *self);
/// Gives the running VMM its vsock device and all others, and lets the guest run.
void qemu_let_run(machine *self);
/// What a machine knows of its configuration. -1: it makes no sense.
int qemu_configure(machine *self, const machine_configuration *from, holm_error **error);
void qemu_configuration_finish(machine *self);
/// Sets template_key, when all devices are known.
void qemu_choose_template(machine *self);

/// Loads the template into the running VMM; then the machine runs. What goes wrong ends the process, after
/// which the machine boots. False: there is no template to be had.
bool qemu_clone_open(machine *self);
void qemu_clone_begin(machine *self);
/// The machine could not even be started: waits for what is under way, and forgets it.
void qemu_clone_abandon(machine *self);
/// The process has ended. False: its memory is still being filled, qemu_process_is_gone is called again
/// later.
bool qemu_clone_is_over(machine *self);
/// The guest is there: nothing can go back to a boot any more.
void qemu_clone_finish(machine *self);
void qemu_process_is_gone(machine *self);

/// Starts the process that will make a template for this machine's shape when told to.
void qemu_maker_start(machine *self);
void qemu_maker_tell(machine *self);
void qemu_maker_let_go(machine *self);

/// QEMU's event BLOCK_IO_ERROR.
void qemu_space_event(machine *self, const json_t *information);
void qemu_space_let_go(machine *self);

/// Makes a template of this shape with these devices, on a loop of its own: blocks for seconds. Nothing to do
/// is no error.
int qemu_template_make(const machine_configuration *shape, const char *devices, holm_error **error);

void qemu_connect(machine *self, uint32_t port, machine_connected done, void *data);
int qemu_listen(machine *self, uint32_t port, machine_accepted accepted, void *data, holm_error **error);
void qemu_settle(machine *self, machine_done done, void *data);
void qemu_pause(machine *self, machine_done done, void *data);
void qemu_resume(machine *self, machine_done done, void *data);
void qemu_set_memory(machine *self, uint64_t bytes, machine_done done, void *data);

/// Notes the first thing that went wrong; before the guest runs it ends the start.
void qemu_problem(machine *self, const holm_error *error);
/// A qmp_reply for commands of which only failure matters; data is the machine.
void qemu_expect(json_t *result, const holm_error *error, void *data);
