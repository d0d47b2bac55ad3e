#include "core/image/worker.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "core/base/file.h"
#include "core/image/image_client.h"
#include "core/image/worker_internal.h"
#include "core/store/state.h"

#define LOG_MODULE "image"
#include "core/base/log.h"

#define CONNECTIONS_MAX 256
#define TELL_MS         60    ///< how often progress is sent at most
#define FORGET_MS       60000 ///< how long an ended task is still listed
#define IDLE_MS         10000

static void check_idle(worker *self);

// ---- telling ----

static void fill(worker_task *task, worker_progress *out) {
    holm__image__v1__progress__init(out);
    if (!task->ended && task->methods->describe)
        task->methods->describe(task, out);
    out->task = task->id;
    out->kind = (char *)task->kind;
    out->subject = task->subject;
    out->started_unix_ns = task->started_unix_ns;
    if (!task->ended)
        return;
    out->done = true;
    out->phase = (char *)"done";
    out->digest = task->digest ? task->digest : (char *)"";
    out->note = task->note ? task->note : (char *)"";
    out->references = task->references;
    out->n_references = task->reference_count;
    if (task->error) {
        bool cancelled = holm_error_code_of(task->error) == HOLM_ERROR_CANCELLED;
        out->phase = (char *)(cancelled ? "cancelled" : "failed");
        out->error = (char *)holm_error_message(task->error);
        out->error_code = (char *)holm_error_code_name(holm_error_code_of(task->error));
        const char *hint = holm_error_hint_of(task->error);
        out->hint = hint ? (char *)hint : (char *)"";
        if (!task->error_seams)
            task->error_seams = holm_error_seams(task->error);
        out->error_seams = task->error_seams ? task->error_seams : (char *)"";
    }
}

static void send_progress(worker_watcher *watcher, worker_task *task) {
    worker_progress progress;
    fill(task, &progress);
    rpc_stream_send(watcher->stream, &progress.base);
}

static void tell(worker *self, worker_task *task) {
    task->changed = false;
    for (worker_watcher *watcher = self->watchers, *next; watcher; watcher = next) {
        next = watcher->next;
        if (watcher->task && watcher->task != task)
            continue;
        // Who is slow gets fewer pictures, but always the last one.
        if (!task->ended && rpc_stream_congested(watcher->stream)) {
            task->changed = true;
            continue;
        }
        send_progress(watcher, task);
        if (watcher->task && task->ended) {
            watcher->task = NULL;
            watcher->over = true;
            rpc_stream_finish(watcher->stream, RPC_OK, NULL);
        }
    }
}

static void on_tell(uv_timer_t *timer) {
    worker *self = timer->data;
    for (worker_task *task = self->tasks; task; task = task->next)
        if (task->changed)
            tell(self, task);
}

void worker_task_changed(worker_task *task) {
    task->changed = true;
    if (!uv_is_active((uv_handle_t *)&task->owner->tell))
        uv_timer_start(&task->owner->tell, on_tell, TELL_MS, 0);
}

static void on_watcher_drained(rpc_stream *stream, void *data) {
    (void)stream;
    worker_watcher *watcher = data;
    for (worker_task *task = watcher->owner->tasks; task; task = task->next)
        if (task->changed)
            worker_task_changed(task);
}

static void on_watcher_closed(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    (void)stream;
    (void)code;
    (void)text;
    worker_watcher *watcher = data;
    worker_watcher **link = &watcher->owner->watchers;
    while (*link != watcher)
        link = &(*link)->next;
    *link = watcher->next;
    free(watcher);
}

void worker_watch(worker *self, rpc_stream *stream, worker_task *task) {
    static const rpc_stream_events events = {.drained = on_watcher_drained, .close = on_watcher_closed};
    worker_watcher *watcher = calloc(1, sizeof *watcher);
    *watcher = (worker_watcher){.owner = self, .stream = stream, .task = task, .next = self->watchers};
    self->watchers = watcher;
    rpc_stream_set_events(stream, &events, watcher);
    for (worker_task *each = self->tasks; each; each = each->next)
        if (!task || each == task)
            send_progress(watcher, each);
}

// ---- tasks ----

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

worker_task *worker_task_find(worker *self, const char *key) {
    for (worker_task *task = self->tasks; task; task = task->next)
        if (!task->ended && task->key && strcmp(task->key, key) == 0)
            return task;
    return NULL;
}

worker_task *worker_task_by_id(worker *self, const char *id) {
    for (worker_task *task = self->tasks; task; task = task->next)
        if (strcmp(task->id, id) == 0)
            return task;
    return NULL;
}

worker_task *worker_task_create(worker *self, const char *kind, const char *subject, const char *key,
                                const worker_task_methods *methods, void *implementation) {
    worker_task *task = calloc(1, sizeof *task);
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = uv_hrtime();
    snprintf(task->id, sizeof task->id, "%016llx", (unsigned long long)number);
    task->owner = self;
    task->kind = kind;
    task->subject = strdup(subject);
    task->key = key ? strdup(key) : NULL;
    task->started_unix_ns = now_ns();
    task->methods = methods;
    task->implementation = implementation;
    task->next = self->tasks;
    self->tasks = task;
    check_idle(self);
    worker_task_changed(task);
    return task;
}

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

static void task_free(worker_task *task) {
    worker_task **link = &task->owner->tasks;
    while (*link != task)
        link = &(*link)->next;
    *link = task->next;
    if (task->forget)
        uv_close((uv_handle_t *)task->forget, free_handle);
    for (size_t i = 0; i < task->reference_count; i++)
        free(task->references[i]);
    free(task->references);
    holm_error_free(task->error);
    free(task->error_seams);
    free(task->digest);
    free(task->note);
    free(task->subject);
    free(task->key);
    free(task);
}

static void on_forget(uv_timer_t *timer) {
    task_free(timer->data);
}

void worker_task_end(worker_task *task, const char *digest, const holm_error *error) {
    task->digest = digest ? strdup(digest) : NULL;
    task->error = holm_error_copy(error);
    task->ended = true;
    if (error)
        log_warning("%s", holm_error_message(error));
    else
        log_info("%s %s: done", task->kind, task->subject);
    tell(task->owner, task);
    task->forget = calloc(1, sizeof *task->forget);
    uv_timer_init(task->owner->options.loop, task->forget);
    uv_unref((uv_handle_t *)task->forget);
    task->forget->data = task;
    uv_timer_start(task->forget, on_forget, FORGET_MS, 0);
    worker_sweep_when_possible(task->owner);
    check_idle(task->owner);
}

void worker_task_cancel(worker_task *task) {
    if (!task->ended && task->methods->cancel)
        task->methods->cancel(task);
}

static bool has_running_task(const worker *self) {
    for (const worker_task *task = self->tasks; task; task = task->next)
        if (!task->ended)
            return true;
    return pull_engine_is_busy(self->engine) || self->jobs > 0;
}

bool worker_is_adding(const worker *self) {
    for (const worker_task *task = self->tasks; task; task = task->next)
        if (!task->ended && strcmp(task->kind, "save") != 0)
            return true;
    return pull_engine_is_busy(self->engine);
}

// ---- the end ----

static void stop_listening(worker *self) {
    cleanup_free char *path = image_client_socket(self->options.where);
    unlink(path);
    rpc_server_destroy(self->server);
    self->server = NULL;
    uv_close((uv_handle_t *)&self->tell, NULL);
    uv_close((uv_handle_t *)&self->idle, NULL);
}

// Who had come before we had the lock has been counted by now.
static void on_last_look(uv_timer_t *timer) {
    worker *self = timer->data;
    cleanup_close int lock = steal_fd(&self->leave_lock); // held until we have decided
    (void)lock;
    if (has_running_task(self) || rpc_server_connection_count(self->server) > 0) {
        check_idle(self);
        return;
    }
    log_info("nothing to do: ending");
    stop_listening(self);
}

// Under the start lock nobody can be about to come; the loop takes one more turn for those who just have.
// Where the runtime folder has gone nobody finds us any more.
static void on_idle(uv_timer_t *timer) {
    worker *self = timer->data;
    cleanup_free char *path = image_client_lock(self->options.where);
    cleanup_error holm_error *error = NULL;
    self->leave_lock = file_lock(path, true, false, &error);
    if (self->leave_lock < 0 && holm_error_code_of(error) == HOLM_ERROR_IN_USE)
        check_idle(self);
    else
        uv_timer_start(&self->idle, on_last_look, 1, 0);
}

static void check_idle(worker *self) {
    if (!self->server || self->leave_lock >= 0) // there is a last look coming
        return;
    if (has_running_task(self) || rpc_server_connection_count(self->server) > 0)
        uv_timer_stop(&self->idle);
    else
        uv_timer_start(&self->idle, on_idle, self->options.idle_ms ? self->options.idle_ms : IDLE_MS, 0);
}

static void on_connections(rpc_server *server, void *data) {
    (void)server;
    check_idle(data);
}

void worker_job_begin(worker *self) {
    self->jobs++;
    check_idle(self);
}

void worker_job_end(worker *self) {
    self->jobs--;
    check_idle(self);
}

void worker_stop(worker *self) {
    if (!self->server)
        return;
    for (worker_task *task = self->tasks; task; task = task->next)
        worker_task_cancel(task);
    stop_listening(self);
}

// ---- the beginning ----

worker *worker_create(const worker_options *options, holm_error **error) {
    worker *self = calloc(1, sizeof *self);
    self->options = *options;
    self->leave_lock = -1;
    uv_mutex_init(&self->removing);
    uv_timer_init(options->loop, &self->tell);
    uv_timer_init(options->loop, &self->idle);
    self->tell.data = self->idle.data = self;
    const pull_engine_options engine = {
        .loop = options->loop,
        .data_directory = options->where->data,
        .broker = options->broker,
        .certificate_folders = options->certificate_folders,
        .settings = options->settings,
    };
    self->engine = pull_engine_create(&engine, error);
    if (!self->engine)
        return NULL; // the process ends
    static const rpc_service *const services[] = {&worker_service};
    self->service_data[0] = self;
    self->server = rpc_server_create(options->loop, services, self->service_data, 1);
    cleanup_free char *path = image_client_socket(options->where);
    if (rpc_server_listen(self->server, path, CONNECTIONS_MAX, error) < 0)
        return NULL;
    rpc_server_on_change(self->server, on_connections, self);
    return self;
}

// One who was killed may have left an index.json that is behind state.db.
static void write_index(uv_work_t *work) {
    const worker *self = work->data;
    cleanup_error holm_error *error = NULL;
    cleanup_state state *database = state_open(self->options.where->data, &error);
    if (!database || state_image_index_write(database, self->options.where->data, &error) < 0)
        log_warning("%s", holm_error_message(error));
}

static void index_written(uv_work_t *work, int status) {
    worker *self = work->data;
    (void)status;
    free(work);
    worker_job_end(self);
}

void worker_begin(worker *self) {
    uv_work_t *work = calloc(1, sizeof *work);
    work->data = self;
    worker_job_begin(self);
    uv_queue_work(self->options.loop, work, write_index, index_written);
    worker_sweep_when_possible(self);
    check_idle(self);
}

void worker_destroy(worker *self) {
    if (!self)
        return;
    while (self->tasks)
        task_free(self->tasks);
    pull_engine_destroy(self->engine);
    uv_run(self->options.loop, UV_RUN_NOWAIT);
    uv_mutex_destroy(&self->removing);
    free(self);
}

uv_loop_t *worker_loop(const worker *self) {
    return self->options.loop;
}

pull_engine *worker_engine(const worker *self) {
    return self->engine;
}

const paths *worker_paths(const worker *self) {
    return self->options.where;
}
