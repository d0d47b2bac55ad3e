// The system calls that a container does not get: each number there is, asked of the kernel with the filter
// loaded. A second filter stands behind it, so that none of them is really made.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "guest/seccomp.h"

#define NUMBERS 500

// After Docker's default profile, for a container without capabilities.
static const int refused[] = {
    SYS_acct,
    SYS_add_key,
    SYS_bpf,
    SYS_clock_adjtime,
    SYS_clock_settime,
    SYS_delete_module,
    SYS_fanotify_init,
    SYS_finit_module,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fsopen,
    SYS_fspick,
    SYS_get_mempolicy,
    SYS_init_module,
    SYS_kexec_file_load,
    SYS_kexec_load,
    SYS_keyctl,
    SYS_lookup_dcookie,
    SYS_mbind,
    SYS_migrate_pages,
    SYS_mount,
    SYS_mount_setattr,
    SYS_move_mount,
    SYS_move_pages,
    SYS_nfsservctl,
    SYS_open_by_handle_at,
    SYS_open_tree,
    SYS_perf_event_open,
    SYS_pivot_root,
    SYS_quotactl,
    SYS_reboot,
    SYS_request_key,
    SYS_set_mempolicy,
    SYS_setdomainname,
    SYS_sethostname,
    SYS_setns,
    SYS_settimeofday,
    SYS_swapoff,
    SYS_swapon,
    SYS_syslog,
    SYS_umount2,
    SYS_unshare,
    SYS_userfaultfd,
    SYS_vhangup,
#ifdef __x86_64__
    SYS_create_module,
    SYS_get_kernel_syms,
    SYS_ioperm,
    SYS_iopl,
    SYS_query_module,
    SYS_sysfs,
    SYS__sysctl,
    SYS_uselib,
    SYS_ustat,
#endif
};

// The end, and what kernels from 6.11 on let only their own trampolines call (uretprobe, uprobe).
static bool is_left_out(int number) {
#ifdef __x86_64__
    if (number == 335 || number == 336)
        return true;
#endif
    return number == SYS_exit_group;
}

static bool is_refused(int number) {
    for (size_t i = 0; i < array_length(refused); i++)
        if (refused[i] == number)
            return true;
    return false;
}

// Everything but the end is ENOSYS: there is no tracer to ask. A refusal of the filter before goes first
// (seccomp(2)).
static void load_backstop(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
    };
    struct sock_fprog filter = {.len = array_length(code), .filter = code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0)
        _exit(2);
}

typedef struct answers {
    int of[NUMBERS]; // errno
    int vsock, inet, namespaces, thread;
} answers;

static void ask(answers *out, uint64_t capabilities) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_load(capabilities, NULL) < 0)
        _exit(1);
    load_backstop();
    for (int number = 0; number < NUMBERS; number++) {
        if (is_left_out(number))
            continue;
        out->of[number] = syscall(number, 0, 0, 0, 0, 0, 0) < 0 ? errno : 0;
    }
    syscall(SYS_socket, AF_VSOCK, SOCK_STREAM, 0);
    out->vsock = errno;
    syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
    out->inet = errno;
    syscall(SYS_clone, CLONE_NEWUSER, 0, 0, 0, 0);
    out->namespaces = errno;
    syscall(SYS_clone, CLONE_VM | CLONE_FS, 0, 0, 0, 0);
    out->thread = errno;
    syscall(SYS_exit_group, 0); // not _exit(2), before which a sanitizer would look for leaks
    abort();
}

static answers *load_and_ask(uint64_t capabilities) {
    answers *out = mmap(NULL, sizeof *out, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(out != MAP_FAILED);
    pid_t pid = fork();
    if (pid == 0)
        ask(out, capabilities);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return out;
}

static void refuses_each_of_them(void **state) {
    (void)state;
    answers *got = load_and_ask(0);
    for (int number = 0; number < NUMBERS; number++)
        if (!is_left_out(number))
            assert_int_equal(got->of[number], is_refused(number) ? EPERM : ENOSYS);
    assert_int_equal(got->vsock, EPERM);
    assert_int_equal(got->inet, ENOSYS);
    assert_int_equal(got->namespaces, EPERM);
    assert_int_equal(got->thread, ENOSYS);
    munmap(got, sizeof *got);
}

static void capabilities_open_theirs(void **state) {
    (void)state;
    answers *got = load_and_ask(UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SYS_TIME);
    static const int opened[] = {SYS_mount, SYS_umount2,       SYS_unshare,
                                 SYS_setns, SYS_clock_settime, SYS_settimeofday};
    static const int kept[] = {SYS_reboot, SYS_keyctl, SYS_init_module, SYS_bpf, SYS_acct};
    for (size_t i = 0; i < array_length(opened); i++)
        assert_int_equal(got->of[opened[i]], ENOSYS);
    for (size_t i = 0; i < array_length(kept); i++)
        assert_int_equal(got->of[kept[i]], EPERM);
    assert_int_equal(got->namespaces, ENOSYS);
    assert_int_equal(got->vsock, EPERM);
    munmap(got, sizeof *got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_each_of_them),
        cmocka_unit_test(capabilities_open_theirs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
