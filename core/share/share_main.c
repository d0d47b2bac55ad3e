// holm-share [-h FOLDER]… [-r PATH | -w PATH]…: becomes the virtiofs daemon (vhost-user-fs) of one container.
// Started by its shim with a listening socket as descriptor 3, and with a pipe as 4 that gets the reason when
// it cannot be done and is closed when the daemon runs. -h hides one of holm's own folders.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/share/share.h"

#define LISTEN_FD 3
#define REPORT_FD 4

static bool take_arguments(char **arguments, share_request *request) {
    for (char **at = arguments; *at; at += 2) {
        if (!at[1] || at[0][0] != '-')
            return false;
        bool hide = strcmp(at[0], "-h") == 0;
        if (hide ? request->hidden_count == SHARE_HIDDEN : request->count == SHARE_MOST)
            return false;
        if (hide)
            request->hidden[request->hidden_count++] = at[1];
        else
            request->trees[request->count++] = (share_tree){at[1], strcmp(at[0], "-r") == 0};
    }
    return request->count > 0;
}

// The daemon's own sandbox on top: its root is the shares', and of the capabilities (in its own user
// namespace) it keeps those for files.
static int become_daemon(holm_error **error) {
    const char *const arguments[] = {
        "virtiofsd", "-f",
        "--fd=3",    "--rlimit-nofile=0",
        "-o",        "source=" SHARE_FOLDER ",sandbox=chroot,log_level=err,cache=auto",
        NULL};
    const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
    execve(SHARE_PROGRAM, (char *const *)arguments, (char *const *)environment);
    holm_error_set_errno(error, errno, "start %s", SHARE_PROGRAM);
    return -1;
}

int main(int count, char **arguments) {
    share_request request = {0};
    if (count < 3 || fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) < 0 || !take_arguments(arguments + 1, &request)) {
        dprintf(2, "holm-share is started by holm\n");
        return 125;
    }
    cleanup_error holm_error *error = NULL;
    // A new user namespace forgets what happens when the parent ends.
    bool many = false;
    if (share_root_enter(&request, &many, &error) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
        share_ids_keep(many, &error) == 0)
        become_daemon(&error);
    dprintf(REPORT_FD, "%s\n%s", holm_error_code_name(holm_error_code_of(error)), holm_error_message(error));
    return 125;
}
