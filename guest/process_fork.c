#include "guest/process_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "guest/boot.h"
#include "guest/cgroup.h"
#include "guest/child.h"
#include "guest/device_filter.h"
#include "guest/forking.h"

#define PIPE_SIZE \
    (256 << 10) // fewer turns between agent and process: each costs an emulated machine its caches

// The ends of the standard streams: ours by role, the child's by number.
typedef struct stream_ends {
    int ours[3];
    int child[3];
} stream_ends;

#define STREAM_ENDS_NONE \
    {                    \
        {-1, -1, -1}, {  \
            -1, -1, -1   \
        }                \
    }

static void stream_ends_close(stream_ends *self) {
    for (int i = 0; i < 3; i++) {
        // a terminal stands in all three places, but is closed once
        if (self->child[i] >= 0 && (i == 0 || self->child[i] != self->child[0]))
            close(self->child[i]);
        if (self->ours[i] >= 0)
            close(self->ours[i]);
    }
}

static int open_pipes(stream_ends *ends, bool stdin_open, holm_error **error) {
    for (int i = 0; i < 3; i++) {
        int ends_of_pipe[2];
        if (i == 0 && !stdin_open) {
            if ((ends->child[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
                goto failed;
            continue;
        }
        if (pipe2(ends_of_pipe, O_CLOEXEC) < 0)
            goto failed;
        fcntl(ends_of_pipe[0], F_SETPIPE_SZ, PIPE_SIZE); // as it is is good enough
        ends->ours[i] = ends_of_pipe[i == 0 ? 1 : 0];
        ends->child[i] = ends_of_pipe[i == 0 ? 0 : 1];
    }
    return 0;
failed:
    holm_error_set_errno(error, errno, "make the standard streams");
    return -1;
}

// For a session in a container that runs. (The first process makes its terminal itself, once it has a
// /dev/pts.)
static int open_terminal(int devpts, stream_ends *ends, holm_error **error) {
    int unlock = 0;
    cleanup_close int master = openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    int slave = -1;
    if (master >= 0 && ioctl(master, TIOCSPTLCK, &unlock) == 0)
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || (ends->ours[0] = fcntl(master, F_DUPFD_CLOEXEC, 3)) < 0) {
        holm_error_set_errno(error, errno, "open a terminal");
        return -1;
    }
    ends->ours[1] = steal_fd(&master);
    ends->child[0] = ends->child[1] = ends->child[2] = slave;
    return 0;
}

// New processes of this thread go into another PID namespace for the length of one fork.
static pid_t fork_in_namespace(int init_pidfd, holm_error **error) {
    cleanup_close int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (own < 0 || (init_pidfd < 0 ? unshare(CLONE_NEWPID) : setns(init_pidfd, CLONE_NEWPID)) < 0) {
        child_error_set(error, errno, init_pidfd, "choose the process namespace");
        return -1;
    }
    pid_t pid = forking_fork();
    if (pid == 0)
        return 0;
    if (pid < 0)
        child_error_set(error, errno, init_pidfd, "fork");
    if (setns(own, CLONE_NEWPID) < 0)
        abort(); // every later process would end up in the wrong place
    return pid;
}

static void describe_mounts(const agent *self, const Holm__Agent__V1__Process *program,
                            container_mounts *mounts) {
    *mounts = (container_mounts){
        .privileged = program->privileged,
        .read_only = self->root_read_only,
        .later = self->later_mounts,
        .later_count = self->later_mount_count,
    };
    if (!program->set_paths)
        return;
    static char *none[1];
    mounts->masked = program->n_masked_paths ? program->masked_paths : none;
    mounts->masked_count = program->n_masked_paths;
    mounts->read_only_paths = program->n_read_only_paths ? program->read_only_paths : none;
    mounts->read_only_count = program->n_read_only_paths;
}

static int fork_child(process *self, child_request *request, holm_error **error) {
    agent *owner = self->agent;
    uv_mutex_lock(&owner->lock);
    request->environment = owner->environment;
    request->environment_count = owner->environment_count;
    if (request->first) {
        describe_mounts(owner, request->process, &request->mounts);
        request->sysctls = owner->sysctls;
        request->sysctl_count = owner->sysctl_count;
    }
    pid_t pid = fork_in_namespace(request->init_pidfd, error);
    if (pid == 0) {
        int keep[] = {request->report,   request->cgroup,   request->init_pidfd,
                      request->stdio[0], request->stdio[1], request->stdio[2]};
        forking_keep_only(keep, array_length(keep));
        child_run(request);
    }
    uv_mutex_unlock(&owner->lock);
    self->pid = pid;
    return pid < 0 ? -1 : 0;
}

// The filter hangs on the control group of all processes of the container: its first one decides.
static int open_devices(agent *self, const Holm__Agent__V1__Process *program, holm_error **error) {
    if (!program->privileged || self->device_filter < 0)
        return 0;
    cleanup_close int filter = steal_fd(&self->device_filter);
    return device_filter_detach(CONTAINER_CGROUP, filter, error);
}

static int keep_ends(process *self, stream_ends *ends, bool sessions_terminal, holm_error **error) {
    if (sessions_terminal)
        self->slave = fcntl(ends->child[0], F_DUPFD_CLOEXEC, 3);
    if (self->terminal && !sessions_terminal)
        return 0; // comes with the report
    return process_streams_open(self, steal_fd(&ends->ours[0]), steal_fd(&ends->ours[1]),
                                steal_fd(&ends->ours[2]), error);
}

int process_fork(process *self, const Holm__Agent__V1__Process *program, watch_ready report,
                 holm_error **error) {
    agent *owner = self->agent;
    bool first = strcmp(self->name, PROCESS_FIRST) == 0;
    cleanup(stream_ends_close) stream_ends ends = STREAM_ENDS_NONE;
    cleanup_close int init = first ? -1 : (int)syscall(SYS_pidfd_open, process_first(owner)->pid, 0);
    int sockets[2];
    if (!first && init < 0) {
        child_error_set(error, errno, init, "find the container's first process");
        return -1;
    }
    if (!program->terminal ? open_pipes(&ends, program->stdin_open, error) < 0
                           : !first && open_terminal(owner->devpts, &ends, error) < 0)
        return -1;
    if (first && open_devices(owner, program, error) < 0)
        return -1;
    cleanup_close int cgroup = cgroup_open_join(first ? 0 : process_first(owner)->pid, error);
    if (cgroup < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        holm_error_set_errno(error, errno, "make the report channel");
        return -1;
    }
    cleanup_close int ours = sockets[0], child = sockets[1];
    child_request request = {
        .process = program,
        .first = first,
        .init_pidfd = init,
        .cgroup = cgroup,
        .report = child,
        .stdio = {ends.child[0], ends.child[1], ends.child[2]},
        .wait = !self->start_at_once,
    };
    if (fork_child(self, &request, error) < 0 ||
        keep_ends(self, &ends, program->terminal && !first, error) < 0)
        return -1;
    self->report = watch_create(owner->loop, steal_fd(&ours), report, self, error);
    if (!self->report)
        return -1;
    watch_events(self->report, UV_READABLE);
    return 0;
}
