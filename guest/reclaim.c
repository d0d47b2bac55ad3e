#include "guest/reclaim.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "guest/boot.h"
#include "guest/cgroup.h"
#include "guest/text.h"

#define IDLE_USEC  (RECLAIM_LOOK_MS * 10) // of CPU between two looks: 1 %
#define LOOKS      3
#define STEP_BYTES (64U << 20) // at once, so that a container that wakes up finds most of what it had

// Of files, and not of a tmpfs: that has no other place.
static uint64_t cache_bytes(void) {
    cleanup_free char *text = cgroup_read("memory.stat");
    uint64_t files = text ? text_find_u64(text, "file") : 0, shared = text ? text_find_u64(text, "shmem") : 0;
    return files > shared ? files - shared : 0;
}

// Returns how much of the cache has gone.
static uint64_t reclaim(uint64_t cache, uint64_t most) {
    uint64_t spare = cache > RECLAIM_KEPT_BYTES ? cache - RECLAIM_KEPT_BYTES : 0;
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, most < spare ? most : spare);
    // EAGAIN: less than that could be freed (the rest is mapped and used, or dirty)
    if (spare)
        text_write(CONTAINER_CGROUP "/memory.reclaim", text, NULL);
    uint64_t left = cache_bytes();
    return left < cache ? cache - left : 0;
}

static void reclaim_work(uv_work_t *work) {
    agent_reclaim *self = work->data;
    uint64_t cache = cache_bytes(), step = cache / 2 < STEP_BYTES ? cache / 2 : STEP_BYTES;
    self->fruitless = reclaim(cache, step) < step / 4 || cache <= RECLAIM_KEPT_BYTES;
}

static void reclaim_done(uv_work_t *work, int status) {
    agent_reclaim *self = work->data;
    (void)status;
    self->working = false;
}

static void on_look(uv_timer_t *timer) {
    agent_reclaim *self = timer->data;
    cleanup_free char *text = cgroup_read("cpu.stat");
    uint64_t used = text ? text_find_u64(text, "usage_usec") : 0;
    bool idle = used - self->used_usec < IDLE_USEC;
    self->used_usec = used;
    self->idle_looks = idle ? self->idle_looks + 1 : 0;
    if (!idle)
        self->fruitless = false;
    if (self->idle_looks < LOOKS || self->fruitless || self->working)
        return;
    self->working = true;
    uv_queue_work(timer->loop, &self->work, reclaim_work, reclaim_done);
}

void reclaim_start(agent *self) {
    agent_reclaim *started = &self->reclaim;
    if (!started->timer.data) // a machine that has rehearsed is prepared again
        uv_timer_init(self->loop, &started->timer);
    started->timer.data = started->work.data = started;
    uv_timer_start(&started->timer, on_look, RECLAIM_LOOK_MS, RECLAIM_LOOK_MS);
}

ProtobufCMessage *reclaim_call(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__ReclaimMemoryRequest *request = (const void *)message;
    Holm__Agent__V1__ReclaimMemoryResponse response = HOLM__AGENT__V1__RECLAIM_MEMORY_RESPONSE__INIT;
    (void)self, (void)error;
    response.bytes = reclaim(cache_bytes(), request->bytes);
    return agent_copy_message(&response.base);
}
