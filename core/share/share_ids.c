// The ids of the daemon's user namespace. The user's own is root there; all others are his subordinate ids,
// which only newuidmap and newgidmap can give, from outside. Where there are none one id is all: the daemon
// takes the id of the guest's process for every file it makes, and drops its groups at the start; the first
// would fail for all but root, the second always. A filter answers these calls with success.
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/process.h"
#include "core/share/share.h"

#ifdef __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define IDS_MOST    65535 // besides root
#define NUMBER_SIZE 24

enum { MAPPED, NOTHING_MAPPED, HALF_MAPPED }; // how the child ends

typedef struct id_range {
    unsigned long first, count;
} id_range;

// The first range of this user, by name or number.
static bool find_range(const char *path, const char *name, id_range *out) {
    char line[256], owner[128], number[NUMBER_SIZE];
    FILE *file = fopen(path, "re");
    bool found = false;
    snprintf(number, sizeof number, "%u", (unsigned)geteuid());
    while (file && !found && fgets(line, sizeof line, file))
        found = sscanf(line, "%127[^:]:%lu:%lu", owner, &out->first, &out->count) == 3 && out->count > 0 &&
                (strcmp(owner, name) == 0 || strcmp(owner, number) == 0);
    if (file)
        fclose(file);
    if (found && out->count > IDS_MOST)
        out->count = IDS_MOST;
    return found;
}

static bool run_map(const char *program, pid_t process, unsigned own, const id_range *range) {
    char texts[4][NUMBER_SIZE];
    snprintf(texts[0], NUMBER_SIZE, "%d", (int)process);
    snprintf(texts[1], NUMBER_SIZE, "%u", own);
    snprintf(texts[2], NUMBER_SIZE, "%lu", range->first);
    snprintf(texts[3], NUMBER_SIZE, "%lu", range->count);
    const char *const arguments[] = {program, texts[0], "0", texts[1], "1", "1", texts[2], texts[3], NULL};
    const process_options options = {.argv = (const char **)arguments};
    int watched = -1;
    if (process_spawn(&options, NULL, &watched, NULL) < 0)
        return false;
    int status = process_wait(watched);
    close(watched);
    return status == 0;
}

// Waits until the namespace is there.
static int write_maps(int come, pid_t process, const id_range *users, const id_range *groups) {
    char byte;
    if (read(come, &byte, 1) != 1 || !run_map("/usr/bin/newuidmap", process, geteuid(), users))
        return NOTHING_MAPPED;
    return run_map("/usr/bin/newgidmap", process, getegid(), groups) ? MAPPED : HALF_MAPPED;
}

void share_ids_begin(share_ids *self) {
    const struct passwd *entry = getpwuid(geteuid());
    const pid_t own = getpid();
    id_range users, groups;
    int ends[2];
    *self = (share_ids){.go = -1, .child = -1};
    if (!entry || !find_range("/etc/subuid", entry->pw_name, &users) ||
        !find_range("/etc/subgid", entry->pw_name, &groups) || pipe2(ends, O_CLOEXEC) < 0)
        return;
    self->child = fork();
    if (self->child == 0) {
        close(ends[1]);
        _exit(write_maps(ends[0], own, &users, &groups));
    }
    close(ends[0]);
    self->go = ends[1];
}

static int write_text(const char *path, const char *text, holm_error **error) {
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
        return 0;
    holm_error_set_errno(error, errno, "write %s", path);
    return -1;
}

static int map_one(uid_t user, gid_t group, holm_error **error) {
    char users[32], groups[32];
    snprintf(users, sizeof users, "0 %u 1", (unsigned)user);
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)group);
    return write_text("/proc/self/setgroups", "deny", error) < 0 ||
                   write_text("/proc/self/uid_map", users, error) < 0 ||
                   write_text("/proc/self/gid_map", groups, error) < 0
               ? -1
               : 0;
}

int share_ids_finish(share_ids *self, uid_t user, gid_t group, holm_error **error) {
    int status = 0;
    if (self->child > 0) {
        (void)!write(self->go, "", 1);
        while (waitpid(self->child, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    if (self->go >= 0)
        close(self->go);
    int ended = self->child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : NOTHING_MAPPED;
    if (ended == HALF_MAPPED)
        holm_error_set(error, HOLM_ERROR_DENIED,
                       "newgidmap refuses what newuidmap has given: the user's lines of "
                       "/etc/subuid and /etc/subgid do not fit");
    if (ended == NOTHING_MAPPED)
        return map_one(user, group, error);
    return ended == MAPPED ? 1 : -1;
}

int share_ids_keep(bool many, holm_error **error) {
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setresuid, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setresgid, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setgroups, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO), // 0: done
    };
    const struct sock_fprog program = {.len = sizeof lines / sizeof *lines, .filter = lines};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        (many || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0))
        return 0;
    holm_error_set_errno(error, errno, "keep one id for the share");
    return -1;
}
