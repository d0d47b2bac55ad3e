#include "core/base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define LOG_MODULE "confine"
#include "core/base/log.h"

// Of linux/landlock.h, which is older than the kernels we meet on some systems.
#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH      1
#define FS_EXECUTE             (1ULL << 0)
#define FS_WRITE_FILE          (1ULL << 1)
#define FS_READ_FILE           (1ULL << 2)
#define FS_READ_DIR            (1ULL << 3)
#define FS_MAKE_CHAR           (1ULL << 6)
#define FS_MAKE_BLOCK          (1ULL << 11)
#define FS_ABI_1               ((1ULL << 13) - 1)
#define FS_REFER               (1ULL << 13) // ABI 2
#define FS_TRUNCATE            (1ULL << 14) // ABI 3
#define FS_IOCTL_DEV           (1ULL << 15) // ABI 5
#define FS_OF_FILES            (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define NET_TCP                3ULL // bind and connect, ABI 4
#define SCOPE_ABSTRACT_UNIX    1ULL // ABI 6
#define SCOPE_SIGNALS          2ULL

typedef struct ruleset_attributes {
    uint64_t fs, net, scoped;
} ruleset_attributes;

typedef struct path_rule {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed)) path_rule;

#define FILTER_MOST 512
#define SOCKET_TYPE 15 // the bits of a socket's type that are not flags

struct confine {
    int landlock; ///< its version
    ruleset_attributes attributes;
    struct allowed {
        uint64_t access;
        char *path;
    } * paths;
    size_t path_count;
    struct sock_filter filter[FILTER_MOST];
    unsigned short filter_length;
};

#ifdef __x86_64__
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#define X32_CALL            0x40000000U
#else
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

int confine_landlock_version(void) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : 0;
}

// ---- seccomp ----

// What nothing of ours needs once it runs: other processes' insides, the kernel's insides, ways around a
// filter.
static const unsigned never[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    SYS_lookup_dcookie,
    SYS_fanotify_init,
    SYS_nfsservctl,
#ifdef __x86_64__
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
#endif
};

static const unsigned of_namespaces[] = {
    SYS_unshare,  SYS_setns,   SYS_mount,  SYS_umount2,   SYS_pivot_root, SYS_chroot,        SYS_fsopen,
    SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_open_tree, SYS_move_mount, SYS_mount_setattr,
};

static const unsigned of_sockets[] = {SYS_connect, SYS_bind, SYS_listen};
static const unsigned of_accepting[] = {SYS_accept, SYS_accept4};
static const unsigned of_programs[] = {SYS_execve, SYS_execveat};

static void emit(confine *self, uint16_t code, uint32_t value, uint8_t if_true, uint8_t if_false) {
    if (self->filter_length == FILTER_MOST)
        abort();
    self->filter[self->filter_length++] = (struct sock_filter){code, if_true, if_false, value};
}

static void emit_return(confine *self, uint32_t value) {
    emit(self, BPF_RET | BPF_K, value, 0, 0);
}

static void emit_deny(confine *self, const unsigned *calls, size_t count, int number) {
    for (size_t i = 0; i < count; i++) {
        emit(self, BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
        emit_return(self, SECCOMP_RET_ERRNO | (uint32_t)number);
    }
}

// socket(2) for the families that are allowed. The number of the call is loaded, before and after.
static void emit_families(confine *self, const confine_rules *rules) {
    static const uint32_t network[] = {AF_INET, AF_INET6, AF_NETLINK};
    unsigned allowed = (rules->unix_sockets ? 1 : 0) + (rules->network ? array_length(network) : 0);
    emit(self, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, (uint8_t)(2 + 2 * allowed));
    emit(self, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]), 0, 0);
    for (unsigned i = 0; i < allowed; i++) {
        uint32_t family =
            rules->unix_sockets && i == 0 ? AF_UNIX : network[i - (rules->unix_sockets ? 1 : 0)];
        emit(self, BPF_JMP | BPF_JEQ | BPF_K, family, 0, 1);
        emit_return(self, SECCOMP_RET_ALLOW);
    }
    emit_return(self, SECCOMP_RET_ERRNO | EACCES);
}

// Without unix sockets no datagram may go to one that has a name: neither from a pair made for that, nor,
// where IP has no use for it either, by an address in sendto(2). What sendmsg(2) points to cannot be seen.
static void emit_datagrams(confine *self, const confine_rules *rules) {
    emit(self, BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 0, 5);
    emit(self, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]), 0, 0);
    emit(self, BPF_ALU | BPF_AND | BPF_K, SOCKET_TYPE, 0, 0);
    emit(self, BPF_JMP | BPF_JEQ | BPF_K, SOCK_DGRAM, 0, 1);
    emit_return(self, SECCOMP_RET_ERRNO | EACCES);
    emit_return(self, SECCOMP_RET_ALLOW);
    if (rules->network)
        return;
    emit(self, BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 0, 6);
    for (size_t half = 0; half < 2; half++) {
        emit(self, BPF_LD | BPF_W | BPF_ABS,
             (uint32_t)(offsetof(struct seccomp_data, args[4]) + half * sizeof(uint32_t)), 0, 0);
        emit(self, BPF_JMP | BPF_JEQ | BPF_K, 0, half == 0 ? 0 : 1, half == 0 ? 2 : 0);
    }
    emit_return(self, SECCOMP_RET_ERRNO | EACCES);
    emit_return(self, SECCOMP_RET_ALLOW);
}

// clone(2) without new namespaces; clone3(2), whose flags cannot be seen, as if it were not there: glibc then
// uses clone.
static void emit_clone(confine *self) {
    const uint32_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                CLONE_NEWPID | CLONE_NEWNET;
    static const unsigned clone3[] = {SYS_clone3};
    emit_deny(self, clone3, 1, ENOSYS);
    emit(self, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    emit(self, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]), 0, 0);
    emit(self, BPF_JMP | BPF_JSET | BPF_K, namespaces, 0, 1);
    emit_return(self, SECCOMP_RET_ERRNO | EPERM);
    emit_return(self, SECCOMP_RET_ALLOW);
}

static void make_filter(confine *self, const confine_rules *rules) {
    emit(self, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    emit(self, BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 1, 0);
    emit_return(self, SECCOMP_RET_KILL_PROCESS);
    emit(self, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
#ifdef X32_CALL
    emit(self, BPF_JMP | BPF_JGE | BPF_K, X32_CALL, 0, 1);
    emit_return(self, SECCOMP_RET_KILL_PROCESS);
#endif
    emit_deny(self, never, array_length(never), EPERM);
    if (!rules->network && !rules->unix_sockets)
        emit_deny(self, of_sockets, array_length(of_sockets), EACCES);
    if (!rules->network && !rules->unix_sockets && !rules->accept)
        emit_deny(self, of_accepting, array_length(of_accepting), EACCES);
    if (!rules->start_programs)
        emit_deny(self, of_programs, array_length(of_programs), EACCES);
    emit_families(self, rules);
    if (!rules->unix_sockets)
        emit_datagrams(self, rules);
    if (!rules->namespaces) {
        emit_deny(self, of_namespaces, array_length(of_namespaces), EPERM);
        emit_clone(self);
    }
    emit_return(self, SECCOMP_RET_ALLOW);
}

// ---- Landlock ----

static void add_paths(confine *self, const char *const *paths, uint64_t access) {
    for (; paths && *paths; paths++) {
        self->paths = realloc(self->paths, (self->path_count + 1) * sizeof *self->paths);
        char *path = strdup(*paths);
        if (!self->paths || !path)
            abort();
        self->paths[self->path_count++] = (struct allowed){access & self->attributes.fs, path};
    }
}

static void make_landlock(confine *self, const confine_rules *rules) {
    int version = self->landlock = confine_landlock_version();
    if (version == 0) {
        log_warning("this kernel has no Landlock: files are not confined, only system calls are");
        return;
    }
    self->attributes.fs = FS_ABI_1 | (version >= 2 ? FS_REFER : 0) | (version >= 3 ? FS_TRUNCATE : 0) |
                          (version >= 5 ? FS_IOCTL_DEV : 0);
    self->attributes.net = version >= 4 && !rules->network ? NET_TCP : 0;
    if (version >= 6)
        self->attributes.scoped = SCOPE_ABSTRACT_UNIX | (rules->signals ? 0 : SCOPE_SIGNALS);
    add_paths(self, rules->read_only, FS_READ_FILE | FS_READ_DIR);
    add_paths(self, rules->execute, FS_READ_FILE | FS_READ_DIR | FS_EXECUTE);
    add_paths(self, rules->read_write, ~(FS_EXECUTE | FS_MAKE_CHAR | FS_MAKE_BLOCK));
}

static int allow_path(int ruleset, const struct allowed *allowed) {
    int fd = open(allowed->path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : errno;
    struct stat status;
    path_rule rule = {.allowed = allowed->access, .parent_fd = fd};
    int failed = 0;
    if (fstat(fd, &status) < 0)
        failed = errno;
    if (!failed && !S_ISDIR(status.st_mode))
        rule.allowed &= FS_OF_FILES;
    if (!failed && syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
        failed = errno;
    close(fd);
    return failed;
}

static int enter_landlock(const confine *self) {
    // Older kernels know only the first members.
    size_t size = self->landlock >= 6   ? sizeof self->attributes
                  : self->landlock >= 4 ? offsetof(ruleset_attributes, scoped)
                                        : offsetof(ruleset_attributes, net);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &self->attributes, size, 0);
    if (ruleset < 0)
        return errno;
    int failed = 0;
    for (size_t i = 0; i < self->path_count && !failed; i++)
        failed = allow_path(ruleset, &self->paths[i]);
    if (!failed && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        failed = errno;
    close(ruleset);
    return failed;
}

// ---- the face ----

confine *confine_create(const confine_rules *rules) {
    confine *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    make_landlock(self, rules);
    make_filter(self, rules);
    return self;
}

int confine_enter(const confine *self) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return errno;
    int failed = self->landlock ? enter_landlock(self) : 0;
    if (failed)
        return failed;
    struct sock_fprog program = {self->filter_length, (struct sock_filter *)self->filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? errno : 0;
}

int confine_before_exec(void *self) {
    return confine_enter(self);
}

void confine_destroy(confine *self) {
    if (!self)
        return;
    for (size_t i = 0; i < self->path_count; i++)
        free(self->paths[i].path);
    free(self->paths);
    free(self);
}
