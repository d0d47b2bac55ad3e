// The shim reads what a guest says: it gives up all that it does not need for that, before the guest has got
// the container's files, let alone run its programs. Until the machine is ready, only holm's own kernel and
// agent run in it, and a clone that does not wake has to be booted instead: that takes another QEMU. What is
// left is this container's folder (its log), its runtime folder (its sockets) and state.db; it may accept
// connections but make none, and starts no programs.
#define LOG_MODULE "confine"
#include <fcntl.h>
#include <string.h>

#include "core/base/confine.h"
#include "core/base/log.h"
#include "core/container/shim.h"

// For the statistics: /proc cannot be opened any more, but what is open can be read again and again.
static void open_proc(shim *self) {
    const pid_t processes[] = {self->driver->pid(self->machine), getpid()};
    static const char *const names[] = {"smaps_rollup", "stat"};
    for (size_t i = 0; i < array_length(self->proc); i++) {
        cleanup_free char *path = path_format("/proc/%d/%s", (int)processes[i / 2], names[i % 2]);
        self->proc[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (self->proc[i] < 0)
            log_warning("%s cannot be read: the costs of the machine are not known", path);
    }
}

// Threads that libuv made before (the machine copies its template in one) have to enter by themselves: as
// many jobs as there are threads, each of which waits for all the others, so that no thread gets two.
typedef struct crew {
    shim *shim;
    confine *confinement;
    uv_barrier_t all;
    uv_work_t requests[SHIM_WORKERS];
    unsigned done;
} crew;

static void worker_enter(uv_work_t *request) {
    crew *self = request->data;
    uv_barrier_wait(&self->all);
    if (confine_enter(self->confinement) != 0)
        abort(); // partly confined is not confined
}

static void worker_entered(uv_work_t *request, int status) {
    crew *self = request->data;
    (void)status;
    if (++self->done < SHIM_WORKERS)
        return;
    uv_barrier_destroy(&self->all);
    confine_destroy(self->confinement);
    shim_step(self->shim, "confined");
    shim_boot_confined(self->shim);
    free(self);
}

// Takes the confinement over.
static void confine_workers(shim *self, confine *confinement) {
    crew *made = calloc(1, sizeof *made);
    made->shim = self;
    made->confinement = confinement;
    uv_barrier_init(&made->all, SHIM_WORKERS);
    for (size_t i = 0; i < SHIM_WORKERS; i++) {
        made->requests[i].data = made;
        uv_queue_work(self->loop, &made->requests[i], worker_enter, worker_entered);
    }
}

void shim_confine_prepare(shim *self) {
    cleanup_free char *known = path_join(self->where.data, "state", NULL);
    const char *writable[] = {self->folder, self->runtime, known, NULL};
    const confine_rules rules = {.read_write = writable, .accept = true, .signals = true};
    self->confinement = confine_create(&rules);
}

int shim_confine(shim *self, holm_error **error) {
    open_proc(self);
    int failed = confine_enter(self->confinement);
    if (failed) {
        holm_error_set_errno(error, failed, "confine the container's shim");
        return -1;
    }
    confine_workers(self, steal_pointer(&self->confinement));
    return 0;
}
