#include "guest/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "guest/child_user.h"
#include "guest/forking.h"
#include "guest/inside.h"
#include "guest/mount.h"
#include "guest/reaper.h"
#include "guest/steps.h"
#include "guest/text.h"

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

const char *const child_step_names[CHILD_STEPS] = {"join", "mounts", "seal", "user", "streams"};

typedef struct terminal {
    int master, slave, devpts;
} terminal;

typedef struct progress {
    uint64_t times[CHILD_STEPS + 1];
    size_t count;
} progress;

static void progress_note(progress *self) {
    self->times[self->count++] = steps_now();
}

static void report_error(int socket, const holm_error *error) {
    child_report report = {.kind = CHILD_REPORT_ERROR, .code = holm_error_code_of(error)};
    snprintf(report.text, sizeof report.text, "%s", holm_error_message(error));
    send(socket, &report, sizeof report, MSG_NOSIGNAL);
}

static int report_ready(int socket, const terminal *made, const progress *done, holm_error **error) {
    child_report report = {.kind = CHILD_REPORT_READY};
    memcpy(report.times, done->times, sizeof report.times);
    int fds[3] = {made->devpts, made->master, made->slave};
    size_t count = made->devpts < 0 ? 0 : made->master < 0 ? 1 : 3;
    union {
        char space[CMSG_SPACE(sizeof fds)];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {&report, sizeof report};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(count * sizeof *fds);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof *fds)};
        memcpy(CMSG_DATA(header), fds, count * sizeof *fds);
    }
    if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
        holm_error_set_errno(error, errno, "tell the agent");
        return -1;
    }
    return 0;
}

// The agent itself is never the memory killer's choice; its children are what they are told to be.
static int set_oom_score(int adjust, holm_error **error) {
    char text[16];
    snprintf(text, sizeof text, "%d", adjust < -999 ? -999 : adjust > 1000 ? 1000 : adjust);
    return text_write("/proc/self/oom_score_adj", text, error);
}

void child_error_set(holm_error **error, int number, int init_pidfd, const char *what) {
    if (number == ESRCH ||
        (number == ENOMEM && init_pidfd >= 0 && setns(init_pidfd, CLONE_NEWPID) < 0 && errno == ESRCH))
        holm_error_set(error, HOLM_ERROR_STATE, "the container does not run");
    else
        holm_error_set_errno(error, number, "%s", what);
}

static int join(const child_request *self, holm_error **error) {
    // nobody in the container may look into this copy of the agent, whose descriptors are still open
    // (CVE-2016-9962)
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || set_oom_score(self->process->oom_score_adjust, error) < 0)
        return -1;
    if (write(self->cgroup, "0", 1) < 0) {
        holm_error_set_errno(error, errno, "join the control group");
        return -1;
    }
    if (self->first ? unshare(NAMESPACES) < 0 : setns(self->init_pidfd, NAMESPACES) < 0) {
        child_error_set(error, errno, self->init_pidfd,
                        self->first ? "make namespaces" : "join the container's namespaces");
        return -1;
    }
    return 0;
}

// A terminal of the container's own devpts, and the same one as /dev/console.
static int open_terminal(terminal *made, holm_error **error) {
    unsigned number;
    int unlock = 0;
    made->master = openat(made->devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (made->master < 0 || ioctl(made->master, TIOCSPTLCK, &unlock) < 0 ||
        ioctl(made->master, TIOCGPTN, &number) < 0 ||
        (made->slave = ioctl(made->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
        holm_error_set_errno(error, errno, "open a terminal");
        return -1;
    }
    char path[32], *none[1] = {NULL};
    snprintf(path, sizeof path, "/dev/pts/%u", number);
    cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return mount_at(root, "bind", path, "/dev/console", none, 0, true, error);
}

static int set_sysctls(const child_request *self, holm_error **error) {
    for (size_t i = 0; i < self->sysctl_count; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "/proc/sys/%s", self->sysctls[i]->key);
        for (char *at = path + strlen("/proc/sys/"); *at; at++)
            *at = *at == '.' ? '/' : *at;
        if (text_write(path, self->sysctls[i]->value, error) < 0)
            return -1;
    }
    return 0;
}

static int build_container(const child_request *self, terminal *made, holm_error **error) {
    if (!self->first)
        return 0;
    return container_mounts_enter(&self->mounts, &made->devpts, error) < 0 ||
                   (self->process->terminal && open_terminal(made, error) < 0) || set_sysctls(self, error) < 0
               ? -1
               : 0;
}

static int seal_container(const child_request *self, holm_error **error) {
    return self->first ? container_mounts_seal(&self->mounts, error) : 0;
}

static int take_terminal(int slave, const Holm__Agent__V1__Process *process, holm_error **error) {
    struct winsize size = {.ws_col = (unsigned short)process->columns,
                           .ws_row = (unsigned short)process->rows};
    if ((size.ws_col && ioctl(slave, TIOCSWINSZ, &size) < 0) || ioctl(slave, TIOCSCTTY, 0) < 0) {
        holm_error_set_errno(error, errno, "take the terminal");
        return -1;
    }
    return 0;
}

static int place_stdio(const int *stdio, holm_error **error) {
    int moved[3];
    for (int i = 0; i < 3; i++)
        if ((moved[i] = fcntl(stdio[i], F_DUPFD_CLOEXEC, 3)) < 0)
            goto failed;
    for (int i = 0; i < 3; i++)
        if (dup2(moved[i], i) < 0)
            goto failed;
    return 0;
failed:
    holm_error_set_errno(error, errno, "place the standard streams");
    return -1;
}

static int wait_start(const child_request *self, holm_error **error) {
    char byte;
    ssize_t got;
    do
        got = recv(self->report, &byte, 1, 0);
    while (got < 0 && errno == EINTR);
    if (got == 1)
        return 0;
    holm_error_set(error, HOLM_ERROR_CANCELLED, "deleted before it was started");
    return -1;
}

static int run(const child_request *self, holm_error **error) {
    terminal made = {-1, -1, -1};
    child_user user;
    int stdio[3] = {self->stdio[0], self->stdio[1], self->stdio[2]};
    progress done = {0};
    progress_note(&done);
    forking_reset_signals();
    umask(022);
    if (join(self, error) < 0)
        return -1;
    progress_note(&done);
    if (build_container(self, &made, error) < 0)
        return -1;
    progress_note(&done);
    if (seal_container(self, error) < 0)
        return -1;
    progress_note(&done);
    if (child_user_prepare(&user, self->process, self->environment, self->environment_count, error) < 0)
        return -1;
    progress_note(&done);
    if (self->process->init && self->first)
        reaper_fork(self->report);
    if (made.slave >= 0)
        stdio[0] = stdio[1] = stdio[2] = made.slave;
    if (setsid() < 0 && errno != EPERM) {
        holm_error_set_errno(error, errno, "begin a session");
        return -1;
    }
    if ((self->process->terminal && take_terminal(stdio[0], self->process, error) < 0) ||
        place_stdio(stdio, error) < 0 || child_user_own_stdio(&user, self->process->terminal, error) < 0)
        return -1;
    progress_note(&done);
    if (report_ready(self->report, &made, &done, error) < 0 || (self->wait && wait_start(self, error) < 0))
        return -1;
    return child_user_exec(&user, self->process, error);
}

void child_run(const child_request *request) {
    holm_error *error = NULL;
    run(request, &error);
    report_error(request->report, error);
    holm_error_code code = holm_error_code_of(error);
    _exit(code == HOLM_ERROR_PROGRAM_NOT_FOUND ? 127 : code == HOLM_ERROR_NOT_EXECUTABLE ? 126 : 125);
}
