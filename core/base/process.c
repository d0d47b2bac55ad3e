#include "core/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

#define MAX_FDS 64

// Moves every descriptor above all targets first, so that no dup2 overwrites one that is still needed.
static int place_fds(const process_options *options, int report) {
    int moved[MAX_FDS], top = 3;
    for (size_t i = 0; i < options->fd_count; i++)
        if (options->fds[i].to >= top)
            top = options->fds[i].to + 1;
    if ((report = fcntl(report, F_DUPFD_CLOEXEC, top)) < 0)
        return -1;
    for (size_t i = 0; i < options->fd_count; i++)
        if ((moved[i] = fcntl(options->fds[i].from, F_DUPFD_CLOEXEC, top)) < 0)
            return -1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++)
        if (null < 0 || dup2(null, fd) < 0)
            return -1;
    for (size_t i = 0; i < options->fd_count; i++)
        if (dup2(moved[i], options->fds[i].to) < 0)
            return -1;
    for (int fd = 3; fd < top; fd++) {
        bool wanted = false;
        for (size_t i = 0; i < options->fd_count; i++)
            wanted |= options->fds[i].to == fd;
        if (!wanted)
            close(fd);
    }
    if (syscall(SYS_close_range, top, UINT_MAX, 1U << 2 /* CLOSE_RANGE_CLOEXEC */) < 0)
        return -1;
    return report;
}

static void child_run(const process_options *options, pid_t parent, int report) {
    static const int held[] = {SIGTERM, SIGINT, SIGHUP};
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t i = 0; options->hold_signals && i < array_length(held); i++)
        sigaddset(&blocked, held[i]);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    int placed = place_fds(options, report);
    if (placed < 0)
        goto failed;
    report = placed;
    if (options->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        goto failed;
    if (options->die_with_parent && getppid() != parent)
        _exit(125); // the parent ended before the line above
    if (options->new_session && setsid() < 0)
        goto failed;
    if (options->directory && chdir(options->directory) < 0)
        goto failed;
    if (options->before_exec && (errno = options->before_exec(options->before_exec_data)) != 0)
        goto failed;
    execvpe(options->argv[0], (char *const *)options->argv,
            options->envp ? (char *const *)options->envp : environ);
failed:;
    int number = errno;
    if (write(report, &number, sizeof number) < 0)
        _exit(125);
    _exit(125);
}

int process_spawn(const process_options *options, pid_t *pid, int *pidfd, holm_error **error) {
    int report[2];
    if (options->fd_count > MAX_FDS) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "start %s: more than %d descriptors", options->argv[0],
                       MAX_FDS);
        return -1;
    }
    if (pipe2(report, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "start %s", options->argv[0]);
        return -1;
    }
    cleanup_close int in = report[0], out = report[1];
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0) {
        holm_error_set_errno(error, errno, "start %s", options->argv[0]);
        return -1;
    }
    if (child == 0)
        child_run(options, parent, out);
    close(steal_fd(&out));
    int opened =
        (int)syscall(SYS_pidfd_open, child, 0); // the child is ours and not reaped: the number is still its
    int number = 0;
    ssize_t got;
    do
        got = read(in, &number, sizeof number);
    while (got < 0 && errno == EINTR);
    if (got == sizeof number || opened < 0) {
        if (got != sizeof number)
            number = errno, kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        if (opened >= 0)
            close(opened);
        holm_error_set_errno(error, number, "start %s", options->argv[0]);
        return -1;
    }
    if (pid)
        *pid = child;
    if (pidfd)
        *pidfd = opened;
    else
        close(opened);
    return 0;
}

int process_wait(int pidfd) {
    siginfo_t info = {0};
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
        if (errno == EAGAIN) // it does not block where a loop watches it, here or beyond a socket
            poll(&ended, 1, -1);
        else if (errno != EINTR)
            return -1;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
