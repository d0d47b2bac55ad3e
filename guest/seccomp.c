#include "guest/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_X86_64
#define X32_BIT          0x40000000U
#elif defined(__aarch64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define NEVER (-1) // no capability opens it

// The calls after Docker's default profile: what is not in its allow list, by the capability that lets it
// through.
static const struct {
    int number;
    int capability;
} denied[] = {
    {SYS_acct, CAP_SYS_PACCT},
    {SYS_add_key, NEVER},
    {SYS_bpf, CAP_BPF},
    {SYS_clock_adjtime, CAP_SYS_TIME},
    {SYS_clock_settime, CAP_SYS_TIME},
    {SYS_delete_module, CAP_SYS_MODULE},
    {SYS_fanotify_init, CAP_SYS_ADMIN},
    {SYS_finit_module, CAP_SYS_MODULE},
    {SYS_fsconfig, CAP_SYS_ADMIN},
    {SYS_fsmount, CAP_SYS_ADMIN},
    {SYS_fsopen, CAP_SYS_ADMIN},
    {SYS_fspick, CAP_SYS_ADMIN},
    {SYS_get_mempolicy, CAP_SYS_NICE},
    {SYS_init_module, CAP_SYS_MODULE},
    {SYS_kexec_file_load, NEVER},
    {SYS_kexec_load, NEVER},
    {SYS_keyctl, NEVER},
    {SYS_lookup_dcookie, CAP_SYS_ADMIN},
    {SYS_mbind, CAP_SYS_NICE},
    {SYS_migrate_pages, NEVER},
    {SYS_mount, CAP_SYS_ADMIN},
    {SYS_mount_setattr, CAP_SYS_ADMIN},
    {SYS_move_mount, CAP_SYS_ADMIN},
    {SYS_move_pages, NEVER},
    {SYS_nfsservctl, NEVER},
    {SYS_open_by_handle_at, CAP_DAC_READ_SEARCH},
    {SYS_open_tree, CAP_SYS_ADMIN},
    {SYS_perf_event_open, CAP_PERFMON},
    {SYS_pivot_root, NEVER},
    {SYS_quotactl, CAP_SYS_ADMIN},
    {SYS_reboot, CAP_SYS_BOOT},
    {SYS_request_key, NEVER},
    {SYS_set_mempolicy, CAP_SYS_NICE},
    {SYS_setdomainname, CAP_SYS_ADMIN},
    {SYS_sethostname, CAP_SYS_ADMIN},
    {SYS_setns, CAP_SYS_ADMIN},
    {SYS_settimeofday, CAP_SYS_TIME},
    {SYS_swapoff, NEVER},
    {SYS_swapon, NEVER},
    {SYS_syslog, CAP_SYSLOG},
    {SYS_umount2, CAP_SYS_ADMIN},
    {SYS_unshare, CAP_SYS_ADMIN},
    {SYS_userfaultfd, NEVER},
    {SYS_vhangup, CAP_SYS_TTY_CONFIG},
#ifdef __x86_64__
    {SYS_create_module, NEVER},
    {SYS_get_kernel_syms, NEVER},
    {SYS_ioperm, CAP_SYS_RAWIO},
    {SYS_iopl, CAP_SYS_RAWIO},
    {SYS_query_module, NEVER},
    {SYS_sysfs, NEVER},
    {SYS__sysctl, NEVER},
    {SYS_uselib, NEVER},
    {SYS_ustat, NEVER},
#endif
};

#define NAMESPACE_FLAGS                                                                        \
    (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
     CLONE_NEWCGROUP)
#define PROGRAM_MAX (array_length(denied) * 4 + 48)
_Static_assert(array_length(denied) <= 100, "half of the search is jumped over: 255 instructions at most");

typedef struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short length;
} program;

static void emit(program *self, struct sock_filter instruction) {
    self->code[self->length++] = instruction;
}

static void emit_load(program *self, size_t offset) {
    emit(self, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void emit_return(program *self, uint32_t action) {
    emit(self, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void emit_errno(program *self, int number) {
    emit_return(self, SECCOMP_RET_ERRNO | (uint32_t)number);
}

// Runs the next `skip` instructions only when the accumulator is `value`.
static void emit_if_equal(program *self, uint32_t value, uint8_t skip) {
    emit(self, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip));
}

static void emit_if_any(program *self, uint32_t bits, uint8_t skip) {
    emit(self, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, skip));
}

static void emit_number(program *self) {
    emit_load(self, offsetof(struct seccomp_data, nr));
}

// The other calling conventions of the machine: a table of their own numbers is not worth it, they get
// ENOSYS.
static void emit_architecture(program *self) {
    emit_load(self, offsetof(struct seccomp_data, arch));
    emit(self, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCHITECTURE, 1, 0));
    emit_errno(self, ENOSYS);
    emit_number(self);
#ifdef X32_BIT
    emit_if_any(self, X32_BIT, 1);
    emit_errno(self, ENOSYS);
#endif
}

// clone with namespaces; clone3 hides its flags behind a pointer, so it is not there (libraries fall back to
// clone).
static void emit_clone(program *self) {
    emit_if_equal(self, SYS_clone3, 1);
    emit_errno(self, ENOSYS);
    emit_if_equal(self, SYS_clone, 4);
    emit_load(self, offsetof(struct seccomp_data, args[0]));
    emit_if_any(self, NAMESPACE_FLAGS, 1);
    emit_errno(self, EPERM);
    emit_return(self, SECCOMP_RET_ALLOW);
}

// No vsock: what the machine is told from outside is not the container's to hear.
static void emit_socket(program *self) {
    emit_if_equal(self, SYS_socket, 4);
    emit_load(self, offsetof(struct seccomp_data, args[0]));
    emit_if_equal(self, AF_VSOCK, 1);
    emit_errno(self, EPERM);
    emit_return(self, SECCOMP_RET_ALLOW);
}

// Refuses these numbers, in ascending order. A search and not a list: when the filter is loaded, the kernel
// runs it once for every number there is, to know which of them it need not ask about.
static void emit_search(program *self, const uint32_t *numbers, size_t count) {
    if (count <= 2) {
        for (size_t i = 0; i < count; i++) {
            emit_if_equal(self, numbers[i], 1);
            emit_errno(self, EPERM);
        }
        emit_return(self, SECCOMP_RET_ALLOW);
        return;
    }
    size_t half = count / 2, jump = self->length;
    emit(self, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, numbers[half], 0, 0));
    emit_search(self, numbers, half);
    self->code[jump].jt = (uint8_t)(self->length - jump - 1);
    emit_search(self, numbers + half, count - half);
}

static int compare_numbers(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void emit_denied(program *self, uint64_t capabilities) {
    uint32_t numbers[array_length(denied)];
    size_t count = 0;
    for (size_t i = 0; i < array_length(denied); i++)
        if (denied[i].capability < 0 || !(capabilities >> denied[i].capability & 1))
            numbers[count++] = (uint32_t)denied[i].number;
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    emit_search(self, numbers, count);
}

int seccomp_load(uint64_t capabilities, holm_error **error) {
    program code = {.length = 0};
    emit_architecture(&code);
    if (!(capabilities >> CAP_SYS_ADMIN & 1))
        emit_clone(&code);
    emit_socket(&code);
    emit_denied(&code, capabilities);
    struct sock_fprog filter = {.len = code.length, .filter = code.code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0) {
        holm_error_set_errno(error, errno, "load the system call filter");
        return -1;
    }
    return 0;
}
