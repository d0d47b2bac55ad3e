// One virtual machine, whatever runs it: a const vtable of a driver and an opaque machine. There is one
// driver today (QEMU, vm/qemu.c); another VMM is another table.
//
// Life: create -> (add disks, cards, shares; before or after start where the driver can plug) -> start ->
// ready -> stop -> closed -> destroy. Everything runs on one libuv loop; nothing blocks it. Callbacks come
// from the loop.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "core/base/error.h"

typedef enum machine_accelerator { MACHINE_EMULATION, MACHINE_KVM } machine_accelerator;

/// What a machine is made of. Strings are borrowed during create only.
typedef struct machine_configuration {
    unsigned cpus;         ///< 1 or more
    uint64_t memory_bytes; ///< a multiple of 1 MiB
    machine_accelerator accelerator;
    const char *kernel;           ///< path of the kernel image
    const char *initramfs;        ///< path
    const char *kernel_arguments; ///< added to the driver's own, or NULL
    const char
        *runtime_directory; ///< for the sockets of this machine (0700, the caller makes and removes it)
    const char *boot_log;   ///< file that gets the console's output, bounded by the driver
    uint32_t context_id;    ///< the guest's vsock context id, 3 or more
    const char *template_directory; ///< where templates are kept, or NULL: cold boot
    bool confine;                   ///< give the VMM no more than it needs (off only for debugging)
} machine_configuration;

typedef struct machine_disk {
    const char *name; ///< unique on this machine, letters and digits
    const char *path; ///< raw image file, or with layers: ignored
    bool read_only;
    bool opened; ///< it is `fd` (borrowed), opened for no more than read_only says; the path is its name
    int fd;
    /// The guest may write, but into `scratch` (borrowed), an empty file; the disk itself is only read.
    bool discards;
    int scratch;
    /// With layer_count: one read-only disk with a GPT on which these files are the partitions 1 … n, in this
    /// order.
    const char *const *layers;
    size_t layer_count;
} machine_disk;

typedef struct machine_card {
    const char *name;
    uint8_t mac[6];
    int fd;       ///< our half of a datagram socket pair, one frame a datagram, or a tap; taken over
    bool is_tap;  ///< without a header before its frames
    unsigned mtu; ///< 0: 1500
} machine_card;

/// A tree of files that the guest mounts by virtiofs under its tag.
typedef struct machine_share {
    const char *name;
    const char *tag; ///< 35 bytes at most
    /// Gives a socket to a daemon that speaks vhost-user-fs and knows nothing of a machine yet (taken over),
    /// or -1. Asked for once for every VMM that is started; blocks no longer than a process takes to start.
    int (*open)(void *data, holm_error **error);
    void *data;
} machine_share;

/// Why a machine is gone.
typedef enum machine_end {
    MACHINE_END_STOPPED, ///< machine_stop was asked for
    MACHINE_END_GUEST,   ///< the guest ended by itself: reset, panic, power-off
    MACHINE_END_LOST,    ///< the VMM died
} machine_end;

/// Every slot may be NULL.
typedef struct machine_events {
    /// The agent in the guest accepts connections. Once.
    void (*ready)(void *data);
    /// The machine could not be brought up; `closed` follows.
    void (*failed)(const holm_error *error, void *data);
    /// The host's disk is full: the guest stands still, and goes on (false) when there is room.
    void (*stalled)(bool stalled, void *data);
    /// The VMM is gone and reaped. Exactly once, last; machine_destroy may be called from here.
    void (*closed)(machine_end end, void *data);
} machine_events;

typedef struct machine machine;
typedef void (*machine_done)(const holm_error *error, void *data);
/// fd: a connected stream socket that is one vsock connection (owned by the callee), or -1 and the error.
typedef void (*machine_connected)(int fd, const holm_error *error, void *data);
/// The guest dialled a registered port: fd is the connection, owned by the callee.
typedef void (*machine_accepted)(int fd, uint32_t port, void *data);

typedef struct machine_driver {
    const char *name;
    machine *(*create)(uv_loop_t *loop, const machine_configuration *configuration,
                       const machine_events *events, void *data, holm_error **error);
    /// Disks and cards given before start are there when the guest looks; later ones are plugged (the agent
    /// must rescan).
    int (*add_disk)(machine *self, const machine_disk *disk, holm_error **error);
    /// What is in a disk that a running guest has becomes another of the same size and kind, or, without path
    /// and layers, zeros. The guest must have nothing of it open or remembered.
    int (*change_disk)(machine *self, const machine_disk *disk, holm_error **error);
    /// What the console prints goes there from now on, behind what it has printed so far.
    int (*move_boot_log)(machine *self, const char *path, holm_error **error);
    int (*add_card)(machine *self, const machine_card *card, holm_error **error);
    /// Before start: after the disks and cards.
    int (*add_share)(machine *self, const machine_share *share, holm_error **error);
    /// Takes it out of the VMM; `done` comes when the guest has let go (the agent ejects the slot it is
    /// told).
    void (*remove_device)(machine *self, const char *name, machine_done done, void *data);
    int (*device_slot)(const machine *self,
                       const char *name); ///< PCI slot for the agent's Eject; -1: no such device
    int (*start)(machine *self, holm_error **error);
    /// Answers when everything asked for so far was done by the VMM, with the first thing that went wrong
    /// since the last time. Between add_disk on a running machine and the agent's rescan.
    void (*settle)(machine *self, machine_done done, void *data);
    /// Dials a port in the guest. Cancelled (error) when the machine closes.
    void (*connect)(machine *self, uint32_t port, machine_connected done, void *data);
    /// Lets the guest dial `port` on the host; one accepted callback per port; NULL closes it again.
    int (*listen)(machine *self, uint32_t port, machine_accepted accepted, void *data, holm_error **error);
    void (*pause)(machine *self, machine_done done, void *data);
    void (*resume)(machine *self, machine_done done, void *data);
    /// Memory the guest may use, by the balloon; bytes above the configuration mean all of it.
    void (*set_memory)(machine *self, uint64_t bytes, machine_done done, void *data);
    /// Ends the VMM now (the guest is asked by its agent, before). `closed` follows.
    void (*stop)(machine *self);
    pid_t (*pid)(const machine *self);
    /// Bytes of guest memory that the host has really given (blocks of the memory file).
    uint64_t (*memory_blocks)(const machine *self);
    /// Only after `closed`, or before `start`. Accepts NULL.
    void (*destroy)(machine *self);
} machine_driver;

extern const machine_driver machine_qemu;

/// Whether KVM runs our kernel here: remembered in `cache_directory` until reboot, found out by a short probe
/// VM (deadline 2 s) the first time. HOLM_ACCELERATOR=kvm|emulation overrides. Blocks up to the deadline:
/// call it from a worker or before the loop runs. *why (may be NULL) gets a static sentence for people.
machine_accelerator machine_accelerator_probe(const char *cache_directory, const char *kernel,
                                              const char **why);

/// What all machines of a kernel and an initramfs here have in common, as a text: these two files, the VMM,
/// this build, the host's processor. Another text: none is like those before. The caller frees it.
char *machine_parts_describe(const char *kernel, const char *initramfs);

/// The program that machines are run by: $HOLM_QEMU, or the system's QEMU as PATH has it; only its name where
/// there is none. The caller frees it.
char *machine_program(void);
