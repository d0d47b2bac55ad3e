// The shim of a container sees to the pool: its helper makes the next spares.
#define LOG_MODULE "pool"
#include "core/base/log.h"
#include "core/container/shim.h"

#define UNDISTURBED_MS 2000 // of a container, before a spare is made beside it

typedef struct refill {
    uv_work_t work;
    shim *shim;
} refill;

static void refill_work(uv_work_t *work) {
    refill *self = work->data;
    cleanup_error holm_error *error = NULL;
    if (shim_helper_ask(self->shim, HELPER_SPARE, NULL, NULL, &error) < 0)
        log_warning("the pool: %s", holm_error_message(error));
}

static void refill_done(uv_work_t *work, int status) {
    (void)status;
    free(work->data);
}

static void on_started_long_ago(uv_timer_t *timer) {
    shim_spare_refill(timer->data);
}

void shim_spare_refill_later(shim *self) {
    if (json_object_get(self->told, "spare"))
        uv_timer_start(&self->refill, on_started_long_ago, UNDISTURBED_MS, 0);
}

void shim_spare_refill(shim *self) {
    if (self->refilled || !json_object_get(self->told, "spare"))
        return;
    self->refilled = true;
    refill *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    made->shim = self;
    made->work.data = made;
    uv_queue_work(self->loop, &made->work, refill_work, refill_done);
}
