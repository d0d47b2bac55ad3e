// When the host is short of memory each machine gives page cache back, before the host's kernel has to kill:
// those of a low priority first. The host tells by its pressure stall information (docs: accounting/psi); a
// kernel that keeps that to root, as before 6.5, is asked every few seconds how much there is.
#define LOG_MODULE "pressure"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/watch.h"
#include "core/container/shim_devices.h"

#define WINDOW_US       2000000 // the only one that a user may ask for
#define LOOK_MS         5000
#define STEP_BYTES      (256U << 20)
#define CALL_TIMEOUT_MS 30000
#define MEMINFO_MOST    4096

typedef struct threshold {
    const char *priority;
    unsigned stall_us;          ///< that any process of the host has waited for memory, of a window
    unsigned available_percent; ///< of the host's memory
} threshold;

static const threshold thresholds[] = {{"low", 50000, 15}, {"normal", 150000, 10}, {"high", 400000, 5}};

struct shim_pressure {
    shim *shim;
    const threshold *threshold;
    watch *stalls; ///< NULL: it has to be asked for
    int meminfo;
    uv_timer_t timer;
    bool timer_open;
    bool asking; ///< the agent
};

static const threshold *find_threshold(const json_t *configuration) {
    const char *name =
        json_string_value(json_object_get(json_object_get(configuration, "resources"), "memoryPriority"));
    for (size_t i = 0; name && i < array_length(thresholds); i++)
        if (strcmp(thresholds[i].priority, name) == 0)
            return &thresholds[i];
    return &thresholds[1];
}

// ---- giving back ----

static void given_back(const ProtobufCMessage *response, const holm_error *error, void *data) {
    shim_pressure *self = data;
    const Holm__Agent__V1__ReclaimMemoryResponse *answer = (const void *)response;
    self->asking = false;
    if (error)
        log_debug("%s", holm_error_message(error));
    else if (answer->bytes)
        log_info("the host is short of memory: %llu MiB of page cache given back",
                 (unsigned long long)(answer->bytes >> 20));
}

static void give_back(shim_pressure *self) {
    if (self->shim->spare)
        shim_spare_end(self->shim, "the host is short of memory");
    if (self->asking || !self->shim->agent || self->shim->machine_stopping)
        return;
    Holm__Agent__V1__ReclaimMemoryRequest request = HOLM__AGENT__V1__RECLAIM_MEMORY_REQUEST__INIT;
    request.bytes = STEP_BYTES;
    self->asking = true;
    rpc_call_unary(self->shim->agent, shim_agent_protocol(), "ReclaimMemory", &request.base, given_back, self,
                   CALL_TIMEOUT_MS);
}

// ---- how the host is ----

static void on_stall(void *data, int events) {
    shim_pressure *self = data;
    if (events & UV_PRIORITIZED)
        give_back(self);
    else
        watch_destroy(steal_pointer(&self->stalls)); // the trigger is no more
}

static unsigned long long line_of(const char *text, const char *name) {
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void on_look(uv_timer_t *timer) {
    shim_pressure *self = timer->data;
    char text[MEMINFO_MOST + 1];
    ssize_t got = pread(self->meminfo, text, MEMINFO_MOST, 0);
    if (got <= 0)
        return;
    text[got] = 0;
    unsigned long long total = line_of(text, "MemTotal:"), available = line_of(text, "MemAvailable:");
    if (available < total / 100 * self->threshold->available_percent)
        give_back(self);
}

static int open_host(const char *name, int flags) {
    const char *folder = getenv("HOLM_HOST_PROC"); // of a test
    cleanup_free char *path = path_join(folder ? folder : "/proc", name, NULL);
    return open(path, flags | O_CLOEXEC);
}

// false: the host keeps that to root, or does not know it.
static bool watch_stalls(shim_pressure *self) {
    cleanup_close int fd = open_host("pressure/memory", O_RDWR | O_NONBLOCK);
    char text[64];
    snprintf(text, sizeof text, "some %u %u", self->threshold->stall_us, WINDOW_US);
    if (fd < 0 || write(fd, text, strlen(text) + 1) < 0)
        return false;
    self->stalls = watch_create(self->shim->loop, steal_fd(&fd), on_stall, self, NULL);
    return self->stalls != NULL;
}

// ---- beginning and end ----

void shim_pressure_open(shim *self) {
    self->pressure = calloc(1, sizeof *self->pressure);
    if (!self->pressure)
        abort();
    *self->pressure =
        (shim_pressure){.shim = self, .threshold = find_threshold(self->configuration), .meminfo = -1};
    if (!watch_stalls(self->pressure))
        self->pressure->meminfo = open_host("meminfo", O_RDONLY);
}

void shim_pressure_start(shim *self) {
    shim_pressure *pressure = self->pressure;
    watch_events(pressure->stalls, UV_PRIORITIZED);
    if (pressure->meminfo < 0 || pressure->timer_open)
        return;
    uv_timer_init(self->loop, &pressure->timer);
    pressure->timer.data = pressure;
    pressure->timer_open = true;
    uv_timer_start(&pressure->timer, on_look, LOOK_MS, LOOK_MS);
}

void shim_pressure_stop(shim *self) {
    shim_pressure *pressure = self->pressure;
    if (!pressure)
        return;
    watch_destroy(steal_pointer(&pressure->stalls));
    if (pressure->timer_open)
        uv_close((uv_handle_t *)&pressure->timer, NULL);
    pressure->timer_open = false;
    if (pressure->meminfo >= 0)
        close(steal_fd(&pressure->meminfo));
}
