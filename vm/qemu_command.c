#include <stdio.h>
#include <string.h>

#include "core/base/path.h"
#include "vm/host_clock.h"
#include "vm/qemu_internal.h"

#define PROGRAM        "qemu-system-x86_64"
#define ARGUMENTS_MOST 64

// The guest's ACPI is off: with it, plugging costs the emulated guest half a second. panic=-1 with -no-reboot
// makes a panic the end of the machine.
#define KERNEL_HZ        1000 // kernel/config-x86_64
#define KERNEL_ARGUMENTS "console=ttyS0 quiet panic=-1 acpi=off pci=conf1 no_timer_check"

// Emulation steps through "rep movsb" byte by byte, and keeps two sets of translated addresses for SMAP,
// which it leaves and enters around every copy: without the three a guest copies five times as fast. What
// SMAP is for, a kernel that follows a pointer of its user's, ends in the guest all the same.
#define EMULATED_CPU "max,-erms,-fsrm,-smap"

// HOLM_QEMU, or the system's, as execvpe would find it.
char *qemu_program(void) {
    const char *named = getenv("HOLM_QEMU"), *search = getenv("PATH");
    if (named && *named)
        return strdup(named);
    for (const char *at = search ? search : "/usr/bin:/bin"; *at;) {
        size_t length = strcspn(at, ":");
        char *path = path_format("%.*s/%s", (int)length, at, PROGRAM);
        if (access(path, X_OK) == 0)
            return path;
        free(path);
        at += length + (at[length] == ':');
    }
    return strdup(PROGRAM);
}

char *machine_program(void) {
    return qemu_program();
}

typedef struct command {
    char **arguments;
    size_t count;
} command;

static void add(command *self, char *text) {
    if (!text || self->count + 1 == ARGUMENTS_MOST)
        abort();
    self->arguments[self->count++] = text;
}

static void add_pair(command *self, const char *name, char *value) {
    add(self, strdup(name));
    add(self, value);
}

static void add_machine(command *self, const machine *of) {
    bool kvm = of->accelerator == MACHINE_KVM;
    add(self, strdup(of->program));
    add_pair(self, "-M", strdup("pc,memory-backend=ram,usb=off,vmport=off"));
    add_pair(self, "-accel", strdup(kvm ? "kvm" : "tcg,thread=multi"));
    add_pair(self, "-cpu", strdup(kvm ? "host" : EMULATED_CPU));
    // The firmware's MP table names the first processor of each socket only. For one that can never have a
    // second QEMU before 8.1 leaves memory barriers out, and then interrupts and kicks of vhost-user get
    // lost.
    unsigned most = kvm || of->cpus > 1 ? of->cpus : 2;
    add_pair(self, "-smp", path_format("%u,maxcpus=%u,sockets=%u,cores=1,threads=1", of->cpus, most, most));
    add_pair(self, "-m", path_format("%lluM", (unsigned long long)of->memory_bytes >> 20));
    add_pair(self, "-object",
             path_format("memory-backend-file,id=ram,size=%lluM,mem-path=/proc/self/fd/%d,share=on",
                         (unsigned long long)of->memory_bytes >> 20, QEMU_FD_MEMORY));
    add_pair(self, "-sandbox",
             strdup("on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
    add(self, strdup("-nodefaults"));
    add(self, strdup("-no-user-config"));
    add(self, strdup("-no-reboot"));
    add(self, strdup("-S"));
    add_pair(self, "-display", strdup("none"));
}

static void add_devices(command *self, const machine *of) {
    // On the command line because they must be in a template: they have no MSI-X, and find no interrupt after
    // a rescan without ACPI.
    add_pair(self, "-device",
             path_format("virtio-balloon-pci,id=balloon,free-page-reporting=on,addr=%d", QEMU_SLOT_BALLOON));
    add_pair(self, "-object", strdup("rng-builtin,id=random"));
    add_pair(self, "-device", path_format("virtio-rng-pci,rng=random,addr=%d", QEMU_SLOT_RANDOM));
    add_pair(self, "-chardev", path_format("socket,id=control,fd=%d", QEMU_FD_QMP));
    add_pair(self, "-mon", strdup("chardev=control,mode=control"));
    add_pair(self, "-chardev", path_format("socket,id=console,fd=%d", QEMU_FD_CONSOLE));
    add_pair(self, "-serial", strdup("chardev:console"));
    if (of->role != QEMU_TEMPLATE)
        add_pair(self, "-chardev", path_format("socket,id=vsock,fd=%d", QEMU_FD_VSOCK));
}

// Left to itself, an emulated guest fails to measure its clocks, and then never sleeps longer than a tick.
// Each processor beside the first would measure its delay loop anew, for half a second.
static void append_clock(buffer *line) {
    unsigned long khz = host_clock_khz();
    if (khz > 0)
        buffer_append_format(line, " tsc=reliable tsc_early_khz=%lu lpj=%lu", khz, khz * 1000 / KERNEL_HZ);
}

static void add_guest(command *self, const machine *of) {
    if (of->role == QEMU_CLONE) {
        // Kernel and initramfs are in the memory that it gets.
        add_pair(self, "-incoming", strdup("defer"));
        return;
    }
    add_pair(self, "-kernel", strdup(of->kernel));
    add_pair(self, "-initrd", strdup(of->initramfs));
    cleanup_buffer buffer line = BUFFER_INIT;
    buffer_append_text(&line, KERNEL_ARGUMENTS);
    if (of->accelerator == MACHINE_EMULATION)
        append_clock(&line);
    if (of->accelerator == MACHINE_EMULATION && of->cpus > 1)
        buffer_append_text(&line, " maxcpus=1"); // the agent starts the others: see guest/processors.h
    if (of->role == QEMU_TEMPLATE)
        buffer_append_text(&line, " loglevel=5 holm.template=1"); // warnings: see qemu_template.c
    if (of->kernel_arguments)
        buffer_append_format(&line, " %s", of->kernel_arguments);
    add_pair(self, "-append", buffer_steal_text(&line));
}

char **qemu_command_make(const machine *of) {
    command self = {.arguments = calloc(ARGUMENTS_MOST, sizeof(char *))};
    if (!self.arguments)
        abort();
    add_machine(&self, of);
    add_devices(&self, of);
    add_guest(&self, of);
    return self.arguments;
}

void qemu_command_free(char **arguments) {
    for (size_t i = 0; arguments && arguments[i]; i++)
        free(arguments[i]);
    free(arguments);
}
