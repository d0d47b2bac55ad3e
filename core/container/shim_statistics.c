// Statistics of shim.proto: what the guest counts, and what the host pays.
#define LOG_MODULE "statistics"
#include <string.h>
#include <time.h>

#include "core/base/log.h"
#include "core/container/shim.h"

#define INTERVAL_LEAST_MS 100
#define PROC_MOST         4096

/// What one process costs the host.
typedef struct cost {
    uint64_t pss;
    uint64_t pss_shared; ///< of memory files: the guest's memory is one
    uint64_t cpu_ns;
} cost;

typedef struct sampler {
    shim *shim;
    rpc_stream *stream; ///< NULL: the client is gone
    uv_timer_t timer;
    uv_work_t request;
    unsigned interval_ms;
    bool begun;
    bool busy; ///< a sample is under way
    Holm__Shim__V1__StatisticsSample sample;
    uint64_t blocks;
    cost costs[2]; ///< of the VMM and of the shim
} sampler;

static uint64_t field_kib(const char *text, const char *name) {
    const char *line = strstr(text, name);
    return line ? strtoull(line + strlen(name), NULL, 10) << 10 : 0;
}

// A file of /proc that is open already: the confined shim could not open it.
static const char *read_proc(int fd, char out[PROC_MOST]) {
    ssize_t got = fd >= 0 ? pread(fd, out, PROC_MOST - 1, 0) : -1;
    out[got > 0 ? got : 0] = 0;
    return out;
}

static void read_cost(int rollup, int stat, cost *out) {
    char text[PROC_MOST];
    *out = (cost){0};
    read_proc(rollup, text);
    out->pss = field_kib(text, "\nPss:");
    out->pss_shared = field_kib(text, "\nPss_Shmem:");
    // Behind the name in brackets: state is field 3, user and system time are 14 and 15.
    const char *at = strrchr(read_proc(stat, text), ')');
    unsigned long user = 0, kernel = 0;
    if (at && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) == 2)
        out->cpu_ns = (user + kernel) * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void host_work(uv_work_t *request) {
    sampler *self = request->data;
    const int *proc = self->shim->proc;
    read_cost(proc[0], proc[1], &self->costs[0]);
    read_cost(proc[2], proc[3], &self->costs[1]);
}

static void timer_closed(uv_handle_t *handle) {
    sampler *self = handle->data;
    shim *owner = self->shim;
    free(self);
    owner->open_streams--;
    shim_finish_if_idle(owner);
}

static void close_if_idle(sampler *self) {
    if (!self->stream && !self->busy && !uv_is_closing((uv_handle_t *)&self->timer))
        uv_close((uv_handle_t *)&self->timer, timer_closed);
}

static void host_after(uv_work_t *request, int status) {
    sampler *self = request->data;
    shim *owner = self->shim;
    (void)status;
    self->busy = false;
    const cost *vmm = &self->costs[0], *own = &self->costs[1];
    uint64_t mapped = vmm->pss_shared + own->pss_shared;
    self->sample.host_memory_bytes =
        vmm->pss + own->pss + (self->blocks > mapped ? self->blocks - mapped : 0);
    self->sample.host_cpu_ns = vmm->cpu_ns + own->cpu_ns;
    if (self->blocks > owner->memory_peak)
        owner->memory_peak = self->blocks;
    self->sample.memory_given_back_bytes = owner->memory_peak - self->blocks;
    if (self->stream) {
        rpc_stream_send(self->stream, &self->sample.base);
        if (!self->interval_ms)
            rpc_stream_finish(self->stream, RPC_OK, NULL);
    }
    close_if_idle(self);
}

static void agent_answered(const ProtobufCMessage *response, const holm_error *error, void *data) {
    sampler *self = data;
    shim *owner = self->shim;
    if (error || !self->stream || !owner->machine) {
        self->busy = false;
        if (self->stream && error)
            rpc_stream_fail(self->stream, error);
        else if (self->stream)
            rpc_stream_finish(self->stream, RPC_OK, NULL);
        close_if_idle(self);
        return;
    }
    const Holm__Agent__V1__StatisticsResponse *from = (const Holm__Agent__V1__StatisticsResponse *)response;
    Holm__Shim__V1__StatisticsSample *to = &self->sample;
    struct timespec now;
    holm__shim__v1__statistics_sample__init(to);
    clock_gettime(CLOCK_REALTIME, &now);
    to->unix_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
    to->monotonic_ns = from->monotonic_ns;
    to->cpu_usage_ns = from->cpu_usage_ns;
    to->memory_usage_bytes = from->memory_usage_bytes;
    to->memory_limit_bytes = from->memory_limit_bytes;
    to->memory_cache_bytes = from->memory_cache_bytes;
    to->block_read_bytes = from->block_read_bytes;
    to->block_write_bytes = from->block_write_bytes;
    to->process_count = from->process_count;
    to->out_of_memory_kills = from->out_of_memory_kills;
    to->guest_available_bytes = from->guest_memory_available_bytes;
    to->guest_total_bytes = from->guest_memory_total_bytes;
    for (size_t i = 0; i < from->n_interfaces; i++) {
        if (strcmp(from->interfaces[i]->name, "lo") == 0)
            continue;
        to->network_rx_bytes += from->interfaces[i]->rx_bytes;
        to->network_tx_bytes += from->interfaces[i]->tx_bytes;
    }
    to->cpus = json_number_value(json_object_get(json_object_get(owner->configuration, "resources"), "cpus"));
    self->blocks = owner->driver->memory_blocks(owner->machine);
    uv_queue_work(owner->loop, &self->request, host_work, host_after);
}

static void take_sample(uv_timer_t *timer) {
    static const Holm__Agent__V1__Empty empty = HOLM__AGENT__V1__EMPTY__INIT;
    sampler *self = timer->data;
    shim *owner = self->shim;
    // A reader that is slow gets fewer samples, not old ones.
    if (self->busy || !self->stream || rpc_stream_congested(self->stream))
        return;
    if (owner->phase != SHIM_RUNNING || !owner->agent) {
        holm_error *error = NULL;
        holm_error_set(&error, HOLM_ERROR_STATE, "the container %s does not run", owner->name);
        rpc_stream_fail(self->stream, error);
        holm_error_free(error);
        return;
    }
    self->busy = true;
    rpc_call_unary(owner->agent, shim_agent_protocol(), "Statistics", &empty.base, agent_answered, self,
                   10000);
}

static void sampler_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    sampler *self = data;
    (void)stream;
    if (self->begun)
        return;
    self->begun = true;
    self->interval_ms = ((const Holm__Shim__V1__StatisticsRequest *)message)->interval_ms;
    if (self->interval_ms && self->interval_ms < INTERVAL_LEAST_MS)
        self->interval_ms = INTERVAL_LEAST_MS;
    if (self->interval_ms)
        uv_timer_start(&self->timer, take_sample, self->interval_ms, self->interval_ms);
    take_sample(&self->timer);
}

static void sampler_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    sampler *self = data;
    (void)stream, (void)code, (void)text;
    self->stream = NULL;
    uv_timer_stop(&self->timer);
    close_if_idle(self);
}

void statistics_open(rpc_stream *stream, void *data) {
    static const rpc_stream_events events = {.message = sampler_message, .close = sampler_close};
    shim *owner = data;
    sampler *self = calloc(1, sizeof *self);
    self->shim = owner;
    self->stream = stream;
    self->request.data = self;
    uv_timer_init(owner->loop, &self->timer);
    self->timer.data = self;
    owner->open_streams++;
    rpc_stream_set_events(stream, &events, self);
}
