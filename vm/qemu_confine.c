// What QEMU may reach: its program, libraries and data, the kernel and the initramfs. Everything else comes
// to it as a descriptor.
#include <stdio.h>
#include <string.h>

#include "core/base/path.h"
#include "vm/qemu_internal.h"

// What `self` and, for a template, who makes it may reach.
static confine *confine_with(const machine *self, const char *const *read_write) {
    const char *program = self->program;
    bool named = getenv("HOLM_QEMU") != NULL;
    // A QEMU of the user's own may be a script, and have its parts beside it.
    cleanup_free char *beside = NULL;
    if (named && strrchr(program, '/') > program)
        beside = path_format("%.*s", (int)(strrchr(program, '/') - program), program);
    const char *read_only[] = {"/usr",
                               "/lib",
                               "/lib64",
                               "/etc/ld.so.cache",
                               "/dev/urandom",
                               self->kernel,
                               self->initramfs,
                               beside ? beside : "/usr",
                               NULL};
    const char *execute[] = {program, "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1",
                             named ? "/usr" : NULL, NULL};
    // The exec is QEMU's own; from its sandbox on (spawn=deny) there is no other.
    confine_rules rules = {
        .read_only = read_only, .read_write = read_write, .execute = execute, .start_programs = true};
    return confine_create(&rules);
}

confine *qemu_confine(const machine *self) {
    const char *const read_write[] = {"/dev/null", self->accelerator == MACHINE_KVM ? "/dev/kvm" : NULL,
                                      NULL};
    return confine_with(self, read_write);
}

// Its QEMU can have no more than its maker has.
int qemu_confine_maker(const machine *self, holm_error **error) {
    const char *const read_write[] = {self->template_directory, "/dev/null",
                                      self->accelerator == MACHINE_KVM ? "/dev/kvm" : NULL, NULL};
    cleanup(confine_cleanup) confine *confinement = confine_with(self, read_write);
    int failed = confine_enter(confinement);
    if (failed)
        holm_error_set_errno(error, failed, "confine holm-template");
    return failed ? -1 : 0;
}
