// holm-share [-h FOLDER]… [-r PATH | -w PATH]…: becomes the virtiofs daemon (vhost-user-fs) of one container.
// Started by its shim with a listening socket as descriptor 3, and with a pipe as 4 that gets the reason when
// it cannot be done and is closed when the daemon runs. -h hides one of holm's own folders. Beside the daemon
// runs a watcher of the same folders, which tells the shim of changes on a packet socket as 5.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/confine.h"
#include "core/share/share.h"
#include "core/share/share_watch.h"

#define LISTEN_FD 3
#define REPORT_FD 4
#define WATCH_FD  5

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

// Extended attributes of users go through, and capabilities, which the kernel keeps as those of this user
// namespace: QEMU 7.2's daemon cannot change an owner where they have another name, nor start where they have
// none. All others have no support there.
#define ATTRIBUTES                                                                                         \
    "xattrmap=:ok:all:security.capability:security.capability::ok:all:user.:user.::unsupported:client::::" \
    "bad:all:::"

// The daemon's own sandbox on top: its root is the shares', and of the capabilities (in its own user
// namespace) it keeps those for files.
static int become_daemon(holm_error **error) {
    const char *const arguments[] = {
        "virtiofsd", "-f",
        "--fd=3",    "--rlimit-nofile=0",
        "-o",        "source=" SHARE_FOLDER ",sandbox=chroot,log_level=err,cache=auto," ATTRIBUTES,
        NULL};
    const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
    execve(SHARE_PROGRAM, (char *const *)arguments, (char *const *)environment);
    holm_error_set_errno(error, errno, "start %s", SHARE_PROGRAM);
    return -1;
}

// Of the capabilities in the user namespace the one to read the folders of the user's subordinate ids.
static bool keep_reading(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const uint32_t kept = 1u << CAP_DAC_READ_SEARCH;
    struct __user_cap_data_struct data[2] = {{.effective = kept, .permitted = kept}};
    return syscall(SYS_capset, &header, data) == 0;
}

static void become_watcher(void) {
    static const char *const shares[] = {SHARE_FOLDER, NULL};
    const confine_rules rules = {.read_only = shares};
    cleanup(confine_cleanup) confine *confinement = confine_create(&rules);
    int root = open(SHARE_FOLDER, O_PATH | O_DIRECTORY | O_CLOEXEC);
    prctl(PR_SET_NAME, "holm-watch");
    if (root >= 0 && keep_reading() && confine_enter(confinement) == 0)
        share_watch_run(root, WATCH_FD);
}

// It is the shim's child at once, who hears when it ends, and not the daemon's, who would not care.
static int start_watcher(holm_error **error) {
    pid_t between = fork();
    if (between == 0) {
        if (fork() == 0) {
            close(LISTEN_FD);
            close(REPORT_FD);
            become_watcher();
        }
        _exit(0);
    }
    close(WATCH_FD);
    if (between > 0 && waitpid(between, NULL, 0) == between)
        return 0;
    holm_error_set_errno(error, errno, "start the watcher of shared folders");
    return -1;
}

int main(int count, char **arguments) {
    share_request request = {0};
    if (count < 3 || fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(WATCH_FD, F_GETFD) < 0 ||
        !take_arguments(arguments + 1, &request)) {
        dprintf(2, "holm-share is started by holm\n");
        return 125;
    }
    cleanup_error holm_error *error = NULL;
    // A new user namespace forgets what happens when the parent ends.
    bool many = false;
    if (share_root_enter(&request, &many, &error) == 0 && start_watcher(&error) == 0 &&
        prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && share_ids_keep(many, &error) == 0)
        become_daemon(&error);
    dprintf(REPORT_FD, "%s\n%s", holm_error_code_name(holm_error_code_of(error)), holm_error_message(error));
    return 125;
}
