// PID 1 of every VM.
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest/agent.h"
#include "guest/boot.h"
#include "guest/device_filter.h"
#include "guest/event.h"
#include "guest/filesystem_watch.h"
#include "guest/listener.h"
#include "guest/machine.h"
#include "guest/process.h"
#include "guest/processors.h"
#include "guest/ready.h"
#include "guest/text.h"
#include "guest/uevent.h"

#define LOG_MODULE "agent"
#include "core/base/log.h"

static void on_child_ended(uv_signal_t *handle, int number) {
    (void)number;
    process_reap_all(handle->data);
}

static int agent_init(agent *self, uv_loop_t *loop, holm_error **error) {
    static const rpc_service *const services[] = {&agent_service};
    *self = (agent){.loop = loop, .devpts = -1};
    uv_mutex_init(&self->lock);
    self->service_data[0] = self;
    self->server = rpc_server_create(loop, services, self->service_data, 1);
    uv_signal_init(loop, &self->child_ended);
    self->child_ended.data = self;
    uv_signal_start(&self->child_ended, on_child_ended, SIGCHLD);
    if (event_watch_memory(self, error) < 0 || filesystem_watch_init(self, error) < 0)
        return -1;
    self->device_filter = device_filter_attach(CONTAINER_CGROUP, error);
    if (self->device_filter < 0)
        return -1;
    self->listener = listener_create(self, error);
    return self->listener ? 0 : -1;
}

// A template sleeps here, with everything open that all its clones have in common.
static void do_nothing(uv_work_t *work) {
    (void)work;
}

// Woken up it looks for its devices, on a worker: the first to be found is the socket device, and while the
// others are, the host is told and asks for the first things.
static int wait_for_devices(agent *self, holm_error **error) {
    if (!boot_is_template())
        return 0;
    // The workers are made once, for all clones.
    uv_queue_work(self->loop, &self->nothing, do_nothing, NULL);
    if (processors_start(error) < 0 || boot_wait_template(error) < 0)
        return -1;
    machine_rescan_begin(self);
    return 0;
}

static int run(agent *self, holm_error **error) {
    uv_loop_t loop;
    uv_loop_init(&loop);
    if (boot_filesystems(error) < 0 || text_write("/proc/self/oom_score_adj", "-1000", error) < 0 ||
        agent_init(self, &loop, error) < 0)
        return -1;
    cleanup_close int uevents = uevent_open(error);
    if (uevents < 0 || wait_for_devices(self, error) < 0 || ready_start(&loop, steal_fd(&uevents), error) < 0)
        return -1;
    struct utsname names = {0};
    uname(&names);
    log_info("version %s on Linux %s", HOLM_VERSION, names.release);
    return uv_run(&loop, UV_RUN_DEFAULT);
}

// What a machine rehearses with, as no program of an image may run in one that still waits for its container.
static bool is_rehearsal(int count, char **arguments) {
    return count == 2 && strcmp(arguments[1], AGENT_REHEARSAL) == 0;
}

int main(int count, char **arguments) {
    if (is_rehearsal(count, arguments))
        return write(STDOUT_FILENO, "ok\n", 3) == 3 ? EXIT_SUCCESS : EXIT_FAILURE;
    agent self;
    holm_error *error = NULL;
    log_init(STDERR_FILENO, LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    // What one message took stays for the next: every fresh page costs an emulated machine a fault.
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
    // blocking calls are few and short; more threads are only more memory in every VM
    setenv("UV_THREADPOOL_SIZE", "2", 1);
    if (run(&self, &error) < 0)
        log_error("%s", holm_error_message(error));
    return EXIT_FAILURE; // the kernel panics without PID 1, and the machine ends
}
