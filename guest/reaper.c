#include "guest/reaper.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// Reaps all that has ended; ends itself when the program is among them.
static void reap(pid_t program) {
    int status;
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
        if (ended == program)
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void reaper_fork(int report) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t program = fork();
    if (program == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        return;
    }
    if (program < 0)
        return; // run it as PID 1 itself rather than not at all
    close(report);
    syscall(SYS_close_range, 0, UINT_MAX, 0);
    prctl(PR_SET_NAME, "holm-init");
    for (;;) {
        siginfo_t info;
        int number = sigwaitinfo(&all, &info);
        if (number == SIGCHLD)
            reap(program);
        else if (number > 0)
            kill(program, number);
    }
}
