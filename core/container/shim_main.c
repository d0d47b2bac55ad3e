// holm-shim ID TOLD: owns one running container. Started by container_launch, with the launcher's pipe as
// descriptor 3: there it says that it is ready, or why not, and there it notices that the launcher is gone;
// and with the container's short lock as descriptor 4, for as long as it is on its way.
#define LOG_MODULE "shim"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/base/confine.h"
#include "core/base/fault.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/trace.h"
#include "core/container/shim_devices.h"
#include "core/container/spare.h"

#define LIFELINE    3
#define LAUNCH_LOCK 4 // not of a spare

static void say(int fd, const char *text) {
    if (fd >= 0 && write(fd, text, strlen(text)) < 0)
        log_debug("the launcher is gone");
}

static void say_error(int fd, const holm_error *error) {
    const char *hint = holm_error_hint_of(error);
    cleanup_free char *text = path_format("E%s\n%s\n%s\n", holm_error_code_name(holm_error_code_of(error)),
                                          holm_error_message(error), hint ? hint : "");
    say(fd, text);
}

// ---- what the loop listens to besides machine, agent and clients ----

void shim_lifeline_close(shim *self) {
    if (self->lifeline < 0)
        return;
    uv_poll_stop(&self->lifeline_poll);
    uv_close((uv_handle_t *)&self->lifeline_poll, NULL);
    close(steal_fd(&self->lifeline));
}

void shim_lifeline_fail(const shim *self, const holm_error *error) {
    say_error(self->lifeline, error);
}

void shim_give_up(shim *self, const char *folder, const holm_error *error) {
    if (folder)
        path_remove_tree(folder, NULL);
    shim_volume_drop(self);
    if (self->life >= 0)
        close(self->life);
    say_error(self->lifeline, error);
    _exit(125);
}

static void lifeline_event(uv_poll_t *poll, int status, int events) {
    shim *self = poll->data;
    (void)status, (void)events; // a closed reader is an error condition on this end
    shim_lifeline_close(self);
    if (rpc_server_connection_count(self->server) == 0)
        shim_abandon(self);
}

static void signal_event(uv_signal_t *handle, int number) {
    shim *self = handle->data;
    log_info("signal %d: stop", number);
    if (self->spare)
        shim_spare_end(self, "by a signal");
    shim_stop(self, 0, 0);
}

static void open_handles(shim *self) {
    static const int numbers[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < array_length(numbers); i++) {
        uv_signal_init(self->loop, &self->signals[i]);
        self->signals[i].data = self;
        uv_signal_start(&self->signals[i], signal_event, numbers[i]);
    }
    uv_timer_init(self->loop, &self->deadline);
    self->deadline.data = self;
    uv_timer_init(self->loop, &self->refill);
    self->refill.data = self;
    self->handles_open = true;
}

static void watch_lifeline(shim *self) {
    uv_poll_init(self->loop, &self->lifeline_poll, self->lifeline);
    self->lifeline_poll.data = self;
    uv_poll_start(&self->lifeline_poll, UV_DISCONNECT, lifeline_event);
}

void shim_unlock_launch(shim *self) {
    if (self->launch_lock >= 0)
        close(steal_fd(&self->launch_lock));
}

void shim_ready(shim *self) {
    shim_unlock_launch(self);
    say(self->lifeline, "R\n");
    watch_lifeline(self);
}

// ---- beginning and end ----

void shim_open_log(const shim *self) {
    cleanup_free char *path = path_join(self->folder, "log", "shim.log", NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    const char *level = getenv("HOLM_LOG");
    log_init(fd, level && strcmp(level, "debug") == 0 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
}

int shim_read_configuration(shim *self, holm_error **error) {
    json_decref(self->configuration);
    self->configuration = container_configuration_read(&self->where, self->id, error);
    if (!self->configuration)
        return -1;
    // Ports, mounts and name can change after its file was written.
    const json_t *ports = json_object_get(self->told, "ports");
    if (ports)
        json_object_set_new(self->configuration, "ports", configuration_ports_unpack(ports));
    static const char *const mounts[] = {"mounts", "tmpfs"};
    for (size_t i = 0; i < array_length(mounts); i++)
        if (json_object_get(self->told, mounts[i]))
            json_object_set(self->configuration, mounts[i], json_object_get(self->told, mounts[i]));
    return 0;
}

static int take_container(shim *self, holm_error **error) {
    if (!container_id_valid(self->id)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" is not the id of a container", self->id);
        return -1;
    }
    if (paths_init(&self->where, error) < 0)
        return -1;
    self->folder = container_folder(&self->where, self->id);
    self->runtime = container_runtime_folder(&self->where, self->id);
    self->life = container_life_lock(&self->where, self->id, false, error);
    if (self->life < 0)
        return -1;
    if (shim_read_configuration(self, error) < 0)
        return -1;
    path_remove_tree(self->runtime, NULL); // of a shim that was killed
    return path_make_directories(self->runtime, error);
}

// QEMU of a killed shim dies with it, but a moment later than the lock is free: its own lock on the writable
// layer says when it is gone.
static int wait_for_predecessor(const shim *self, holm_error **error) {
    cleanup_free char *path = path_join(self->folder, "rw.ext4", NULL);
    cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        holm_error_set_errno(error, errno, "open the container's writable layer %s", path);
        return -1;
    }
    if (file_wait_unlocked(fd, 0, 0) == 0)
        return 0;
    holm_error_set_errno(error, errno, "wait for the container's writable layer %s", path);
    return -1;
}

void shim_take_name(shim *self) {
    const char *name = json_string_value(json_object_get(self->told, "name"));
    free(self->name);
    self->name = path_format("%s", name ? name : self->id);
}

int shim_take_over(shim *self, holm_error **error) {
    shim_take_name(self);
    self->start_wanted = json_is_true(json_object_get(self->told, "start"));
    shim_open_log(self);
    fault_point("run.locked");
    return wait_for_predecessor(self, error);
}

void shim_begin_sessions(shim *self) {
    self->log = shim_log_create(self);
    self->init = session_create(self, SHIM_INIT, configuration_process(self->configuration));
}

static int begin(shim *self, holm_error **error) {
    if (take_container(self, error) < 0 || shim_take_over(self, error) < 0)
        return -1;
    if (shim_network_init(self, error) < 0 || shim_helper_start(self, error) < 0)
        return -1;
    shim_begin_sessions(self);
    open_handles(self);
    if (shim_boot(self, error) < 0)
        return -1;
    if (shim_listen(self, error) < 0)
        return -1;
    shim_step(self, "listening");
    shim_confine_prepare(self);
    shim_network_join(self);
    fault_point("run.listening");
    return 0;
}

// Whoever started it goes on as soon as it can be counted.
static int begin_spare(shim *self, holm_error **error) {
    open_handles(self);
    if (shim_spare_begin(self, error) < 0)
        return -1;
    say(self->lifeline, "R\n");
    close(steal_fd(&self->lifeline));
    return 0;
}

static void destroy(shim *self) {
    for (session *next; self->sessions;) {
        next = self->sessions->next;
        session_destroy(self->sessions);
        self->sessions = next;
    }
    session_destroy(self->init);
    shim_log_destroy(self->log);
    state_close(self->db);
    holm_error_free(self->failure);
    free(self->sockets);
    free(self->pressure);
    shim_network_destroy(self);
    json_decref(self->configuration);
    json_decref(self->told);
    if (self->life >= 0)
        close(self->life);
    shim_helper_stop(self);
    confine_destroy(self->confinement);
    for (size_t i = 0; i < array_length(self->proc); i++)
        if (self->proc[i] >= 0)
            close(self->proc[i]);
    free(self->name);
    free(self->folder);
    free(self->runtime);
    paths_finish(&self->where);
}

static void forget_environment(void) {
    unsetenv("HOLM_TRACE");
    unsetenv("HOLM_FAULT");
}

int main(int count, char **arguments) {
    json_t *told = count == 3 ? json_loads(arguments[2], 0, NULL) : NULL;
    bool spare = count == 3 && strcmp(arguments[1], SPARE_ID) == 0;
    if (!told || fcntl(LIFELINE, F_SETFD, FD_CLOEXEC) < 0 ||
        (!spare && fcntl(LAUNCH_LOCK, F_SETFD, FD_CLOEXEC) < 0)) {
        dprintf(2, "holm-shim is started by holm\n");
        return 125;
    }
    // The launcher started a new session; its leader goes, so that no terminal can ever be ours.
    pid_t child = fork();
    if (child != 0)
        _exit(child < 0 ? 125 : 0);
    uv_loop_t loop;
    shim self = {.loop = &loop,
                 .id = arguments[1],
                 .driver = &machine_qemu,
                 .life = -1,
                 .lifeline = LIFELINE,
                 .launch_lock = spare ? -1 : LAUNCH_LOCK,
                 .share_socket = -1,
                 .share_process = -1,
                 .begin_ns = trace_now(),
                 .told = told,
                 .phase = SHIM_BOOTING};
    if (spare) // its trace and faults are those of a start that it has no part in
        forget_environment();
    trace_init("holm-shim");
    umask(077);
    setenv("UV_THREADPOOL_SIZE", "4", 1); // SHIM_WORKERS
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max; // connections of front ends and of the guest
        setrlimit(RLIMIT_NOFILE, &files);
    }
    uv_loop_init(&loop);
    holm_error *error = NULL;
    if (spare ? begin_spare(&self, &error) < 0 : begin(&self, &error) < 0) {
        log_error("%s", holm_error_message(error));
        shim_give_up(&self, self.life >= 0 ? self.runtime : NULL, error);
    }
    if (!spare)
        shim_ready(&self);
    uv_run(&loop, UV_RUN_DEFAULT);
    destroy(&self);
    uv_loop_close(&loop);
    return 0;
}
