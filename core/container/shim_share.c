// The folders and files of the host that a container mounts: holm-share becomes their daemon before the shim
// confines itself, and ends with it. A daemon serves one VMM: for a second try there is another one.
#define LOG_MODULE "share"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/process.h"
#include "core/container/shim_devices.h"
#include "core/share/share.h"

#define ARGUMENTS_MOST (2 * (CONFIGURATION_MOUNTS_MOST + 8) + 2)
#define REASON_MOST    1024

static void watch_closed(uv_handle_t *handle) {
    free(handle);
}

// What the guest asks a daemon that is gone waits for ever, and everything that asks.
void shim_share_lost(shim *self) {
    // Before that the machine may be tried again, with another one.
    if (!self->agent_ready || self->phase >= SHIM_CLOSED || self->machine_stopping)
        return;
    log_warning("the daemon of the host's folders is gone");
    self->driver->stop(self->machine);
}

static void daemon_ended(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    uv_poll_stop(poll);
    shim_share_lost(poll->data);
}

static void watch(shim *self) {
    self->share_watch = calloc(1, sizeof *self->share_watch);
    if (!self->share_watch || uv_poll_init(self->loop, self->share_watch, self->share_process) < 0)
        abort(); // a new descriptor that can be polled
    self->share_watch->data = self;
    uv_poll_start(self->share_watch, UV_READABLE, daemon_ended);
}

void shim_share_drop(shim *self) {
    if (self->share_watch) {
        uv_poll_stop(self->share_watch);
        uv_close((uv_handle_t *)steal_pointer(&self->share_watch), watch_closed);
    }
    shim_changes_destroy(steal_pointer(&self->changes_of_shares));
    if (self->share_socket >= 0)
        close(steal_fd(&self->share_socket));
    if (self->share_process < 0)
        return;
    syscall(SYS_pidfd_send_signal, self->share_process, SIGKILL, NULL, 0);
    close(steal_fd(&self->share_process));
}

// The daemon listens; the path is there for a moment only, in a folder that is the user's alone.
static int make_sockets(const shim *self, int *listening, int *connected, holm_error **error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (snprintf(address.sun_path, sizeof address.sun_path, "%s/share", self->runtime) >=
        (int)sizeof address.sun_path) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the path %s is too long", self->runtime);
        return -1;
    }
    unlink(address.sun_path);
    *listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool joined = *listening >= 0 && *connected >= 0 &&
                  bind(*listening, (struct sockaddr *)&address, sizeof address) == 0 &&
                  listen(*listening, 1) == 0 &&
                  connect(*connected, (struct sockaddr *)&address, sizeof address) == 0;
    if (!joined)
        holm_error_set_errno(error, errno, "make the sockets of shared folders");
    unlink(address.sun_path);
    return joined ? 0 : -1;
}

// How many shares there are among `mounts`; `out` becomes the command line of holm-share.
static size_t list_arguments(const shim *self, const json_t *mounts, const char *program, const char **out) {
    const char *const own[] = {self->where.data, self->where.runtime, self->where.cache, self->where.config};
    size_t count = 0, index;
    json_t *mount;
    out[count++] = program;
    for (size_t i = 0; i < array_length(own); i++) {
        out[count++] = "-h";
        out[count++] = own[i];
    }
    size_t shares = 0;
    json_array_foreach (mounts, index, mount) {
        if (!configuration_mount_is_bind(mount) || ++shares > CONFIGURATION_MOUNTS_MOST)
            continue;
        out[count++] = json_is_true(json_object_get(mount, "readOnly")) ? "-r" : "-w";
        out[count++] = json_string_value(json_object_get(mount, "source"));
    }
    out[count] = NULL;
    return shares;
}

// What holm-share says before its end; nothing when it has become the daemon.
static int hear(int report, holm_error **error) {
    char text[REASON_MOST];
    size_t length = 0;
    ssize_t got;
    while (length < sizeof text - 1) {
        got = read(report, text + length, sizeof text - 1 - length);
        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        length += got > 0 ? (size_t)got : 0;
    }
    if (length == 0)
        return 0;
    text[length] = 0;
    char *rest = text, *code = strsep(&rest, "\n");
    holm_error_set(error, holm_error_code_parse(code), "%s", rest ? rest : "shared folders");
    return -1;
}

static int start_daemon(const shim *self, const json_t *mounts, shim_daemon *started, holm_error **error) {
    const char *arguments[ARGUMENTS_MOST];
    cleanup_free char *program = path_join(self->where.libexec, "holm-share", NULL);
    list_arguments(self, mounts, program, arguments);
    cleanup_close int listening = -1, connected = -1;
    int pipes[2], pair[2];
    if (make_sockets(self, &listening, &connected, error) < 0)
        return -1;
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "start %s", program);
        return -1;
    }
    cleanup_close int report = pipes[0], theirs = pipes[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        holm_error_set_errno(error, errno, "start %s", program);
        return -1;
    }
    cleanup_close int watcher = pair[0], watching = pair[1];
    const process_fd fds[] = {{listening, 3}, {theirs, 4}, {watching, 5}};
    const process_options options = {.argv = arguments,
                                     .fds = fds,
                                     .fd_count = array_length(fds),
                                     .directory = "/",
                                     .die_with_parent = true,
                                     .new_session = true,
                                     .hold_signals = true};
    if (process_spawn(&options, NULL, &started->process, error) < 0)
        return -1;
    close(steal_fd(&theirs));
    if (hear(report, error) < 0) {
        process_wait(started->process); // it said why, and ends
        close(steal_fd(&started->process));
        return -1;
    }
    started->connection = steal_fd(&connected);
    started->watcher = steal_fd(&watcher);
    return 0;
}

static const json_t *mounts_of(const shim *self) {
    return json_object_get(self->configuration, "mounts");
}

static int start(shim *self, holm_error **error) {
    shim_daemon started;
    if (start_daemon(self, mounts_of(self), &started, error) < 0)
        return -1;
    self->share_socket = started.connection;
    self->share_process = started.process;
    self->changes_of_shares = shim_changes_create(self, started.watcher, CONFIGURATION_SHARES);
    watch(self);
    return 0;
}

static int check_daemon(holm_error **error) {
    if (access(SHARE_PROGRAM, X_OK) == 0)
        return 0;
    holm_error_set_errno(error, errno, "find virtiofsd, which shares the host's folders");
    holm_error_hint(error, "install it (Debian 12: apt install qemu-system-common)");
    return -1;
}

int shim_share_start_one(const shim *self, const json_t *mount, shim_daemon *started, holm_error **error) {
    json_t *mounts = json_pack("[O]", mount);
    int result = check_daemon(error) < 0 ? -1 : start_daemon(self, mounts, started, error);
    json_decref(mounts);
    return result;
}

static int share_open(void *data, holm_error **error) {
    shim *self = data;
    if (self->share_socket < 0) { // it was given to a VMM that did not make it
        shim_share_drop(self);
        if (start(self, error) < 0)
            return -1;
    }
    return steal_fd(&self->share_socket);
}

int shim_share_add(shim *self, holm_error **error) {
    const char *arguments[ARGUMENTS_MOST];
    if (list_arguments(self, mounts_of(self), "", arguments) == 0)
        return 0;
    if (check_daemon(error) < 0)
        return -1;
    const machine_share share = {
        .name = "shares", .tag = CONFIGURATION_SHARES, .open = share_open, .data = self};
    return start(self, error) < 0 ? -1 : self->driver->add_share(self->machine, &share, error);
}
