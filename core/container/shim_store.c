// state.db is never waited for on the loop: one job after the other, on a worker.
#define LOG_MODULE "store"
#include "core/base/log.h"
#include "core/container/shim.h"

struct store_job {
    uv_work_t request;
    store_job *next;
    shim *shim;
    store_work work;
    store_done done;
    void *data;
    holm_error *error;
};

static void run_next(shim *self);

static void job_work(uv_work_t *request) {
    store_job *job = request->data;
    shim *self = job->shim;
    if (!self->db)
        self->db = state_open(self->where.data, &job->error);
    if (self->db && job->work(self, self->db, job->data, &job->error) == 0)
        holm_error_free(steal_pointer(&job->error));
}

static void job_after(uv_work_t *request, int status) {
    (void)status; // jobs are not cancelled
    store_job *job = request->data;
    shim *self = job->shim;
    self->job_runs = false;
    self->job_count--;
    if (job->error)
        log_error("%s", holm_error_message(job->error));
    if (job->done)
        job->done(self, job->error, job->data);
    holm_error_free(job->error);
    free(job);
    run_next(self);
    shim_finish_if_idle(self);
}

static void run_next(shim *self) {
    store_job *job = self->jobs;
    if (!job || self->job_runs)
        return;
    self->jobs = job->next;
    if (!self->jobs)
        self->jobs_tail = &self->jobs;
    self->job_runs = true;
    uv_queue_work(self->loop, &job->request, job_work, job_after);
}

void shim_store_post(shim *self, store_work work, store_done done, void *data) {
    store_job *job = calloc(1, sizeof *job);
    *job = (store_job){.shim = self, .work = work, .done = done, .data = data};
    job->request.data = job;
    if (!self->jobs_tail)
        self->jobs_tail = &self->jobs;
    *self->jobs_tail = job;
    self->job_count++;
    self->jobs_tail = &job->next;
    run_next(self);
}

// ---- notes ----

typedef struct note {
    json_t *changes;
    const char *action;
    json_t *attributes;
} note;

static int note_work(shim *self, state *db, void *data, holm_error **error) {
    const note *what = data;
    if (state_begin(db, error) < 0)
        return -1;
    bool done = !what->changes || state_container_update(db, self->id, NULL, what->changes, error) == 0;
    if (done && what->action)
        done = state_event_add(db, "container", what->action, self->id, self->name, what->attributes,
                               error) == 0;
    return state_end(db, done, done ? error : NULL) == 0 && done ? 0 : -1;
}

static void note_done(shim *self, const holm_error *error, void *data) {
    (void)self, (void)error;
    note *what = data;
    json_decref(what->changes);
    json_decref(what->attributes);
    free(what);
}

void shim_store_note(shim *self, json_t *changes, const char *action, json_t *attributes) {
    note *made = calloc(1, sizeof *made);
    *made = (note){.changes = changes, .action = action, .attributes = attributes};
    shim_store_post(self, note_work, note_done, made);
}
