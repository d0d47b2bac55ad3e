// The trace: the shim's own steps, and those of the guest, whose clock is put beside ours by one call: its
// way there and its way back are taken for equally long (as NTP does).
#define LOG_MODULE "trace"
#include "core/base/trace.h"

#include "core/base/log.h"
#include "core/container/shim.h"

void shim_step(const shim *self, const char *what) {
    log_debug("%.1f ms: %s", (double)(trace_now() - self->begin_ns) / 1e6, what);
    trace_step(what);
}

void shim_trace_clock(shim *self, uint64_t sent_ns, uint64_t begun_ns, uint64_t done_ns) {
    self->guest_clock = ((int64_t)(sent_ns - begun_ns) + (int64_t)(trace_now() - done_ns)) / 2;
    trace_row(TRACE_GUEST, "agent in the guest");
}

void shim_trace_guest(const shim *self, Holm__Agent__V1__Step *const *steps, size_t count) {
    for (size_t i = 0; i < count; i++) {
        log_debug("guest step %s: %.1f ms", steps[i]->name,
                  (double)(int64_t)(steps[i]->end_ns - steps[i]->begin_ns) / 1e6);
        trace_span(TRACE_GUEST, steps[i]->name, steps[i]->begin_ns + (uint64_t)self->guest_clock,
                   steps[i]->end_ns + (uint64_t)self->guest_clock);
    }
}
