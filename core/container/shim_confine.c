// The shim reads what a guest says: it gives up all that it does not need for that, before it hears the first
// word. It keeps this container's folder (its log), its runtime folder (its sockets) and state.db, may accept
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

int shim_confine(shim *self, holm_error **error) {
    open_proc(self);
    cleanup_free char *known = path_join(self->where.data, "state", NULL);
    const char *writable[] = {self->folder, self->runtime, known, NULL};
    const confine_rules rules = {.read_write = writable, .accept = true, .signals = true};
    cleanup(confine_cleanup) confine *confinement = confine_create(&rules);
    int failed = confine_enter(confinement);
    if (failed)
        holm_error_set_errno(error, failed, "confine the container's shim");
    log_debug("%.1f ms: confined", shim_elapsed(self));
    return failed ? -1 : 0;
}
