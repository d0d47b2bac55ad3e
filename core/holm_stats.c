// Statistics: one stream to the shim of each container that runs; with no containers named, those that start
// later join.
#include <math.h>
#include <string.h>

#include "core/holm_internal.h"

#define ONE_SHOT_INTERVAL_MS 1000

typedef struct stats_watch stats_watch;

typedef struct source {
    struct source *next;
    stats_watch *owner;
    char id[72];
    char *name;
    rpc_connection *connection;
    rpc_stream *stream;
    bool has_last;
    uint64_t last_ns, last_cpu_ns; // of the guest
    bool done;
} source;

struct stats_watch {
    holm_watch watch;
    uv_work_t work;
    json_t *wanted; // references, or NULL: all
    unsigned interval_ms;
    source *sources;
    holm_watch *events; // to see others start
    json_t *found;      // documents of those that run
    holm_error *error;
    bool working, again;
};

static void look_for(stats_watch *self);

static void stats_free_when_idle(stats_watch *self) {
    if (self->working || self->sources)
        return;
    json_decref(self->wanted);
    json_decref(self->found);
    holm_error_free(self->error);
    holm_watch_release(&self->watch);
}

static void stats_end(holm_watch *watch) {
    stats_watch *self = (stats_watch *)watch;
    holm_watch_close(steal_pointer(&self->events));
    for (source *from = self->sources; from; from = from->next)
        if (from->stream)
            rpc_stream_cancel(from->stream);
    stats_free_when_idle(self);
}

static void source_remove(source *from) {
    source **at = &from->owner->sources;
    while (*at != from)
        at = &(*at)->next;
    *at = from->next;
    rpc_connection_destroy(from->connection);
    free(from->name);
    free(from);
}

// With a single sample of each: the end comes with the last of them.
static void finish_when_empty(stats_watch *self) {
    if (self->watch.closed)
        stats_free_when_idle(self);
    else if (!self->sources && !self->working && !self->events)
        holm_watch_finish(&self->watch, self->error);
}

// ---- samples ----

static double rounded(double value) {
    return round(value * 100) / 100;
}

static json_t *item_of(source *from, const Holm__Shim__V1__StatisticsSample *sample) {
    json_t *item = holm_message_json(&sample->base);
    double of_one_core = 0;
    if (from->has_last && sample->monotonic_ns > from->last_ns && sample->cpu_usage_ns >= from->last_cpu_ns)
        of_one_core = 100.0 * (double)(sample->cpu_usage_ns - from->last_cpu_ns) /
                      (double)(sample->monotonic_ns - from->last_ns);
    from->has_last = true;
    from->last_ns = sample->monotonic_ns;
    from->last_cpu_ns = sample->cpu_usage_ns;
    json_object_set_new(item, "id", json_string(from->id));
    json_object_set_new(item, "name", json_string(from->name));
    json_object_set_new(item, "cpuPercentOfOneCore", json_real(rounded(of_one_core)));
    json_object_set_new(item, "cpuPercentOfShare",
                        json_real(sample->cpus > 0 ? rounded(of_one_core / sample->cpus) : 0));
    return item;
}

static void on_sample(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    source *from = data;
    stats_watch *self = from->owner;
    if (self->watch.closed || from->done)
        return;
    bool first = !from->has_last;
    json_t *item = item_of(from, (const Holm__Shim__V1__StatisticsSample *)message);
    if (first) {
        // Percentages need two readings.
        json_decref(item);
        return;
    }
    from->done = self->interval_ms == 0;
    if (from->done)
        rpc_stream_cancel(stream);
    holm_watch_tell(&self->watch, item);
}

static void on_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    source *from = data;
    stats_watch *self = from->owner;
    (void)stream, (void)code, (void)text;
    from->stream = NULL;
    source_remove(from);
    finish_when_empty(self);
}

static const rpc_stream_events stream_events = {.message = on_sample, .close = on_close};

// ---- who runs ----

static source *find_source(const stats_watch *self, const char *id) {
    source *from = self->sources;
    while (from && strcmp(from->id, id) != 0)
        from = from->next;
    return from;
}

static void source_add(stats_watch *self, const json_t *document) {
    const char *id = holm_document_id(document);
    if (find_source(self, id))
        return;
    source *from = calloc(1, sizeof *from);
    if (!from)
        abort();
    from->owner = self;
    snprintf(from->id, sizeof from->id, "%s", id);
    from->name = strdup(holm_document_configuration(document, "name"));
    from->next = self->sources;
    self->sources = from;
    from->connection = holm_container_connect(self->watch.handle.client, id, NULL, NULL, NULL);
    if (!from->connection) { // it has just ended
        source_remove(from);
        return;
    }
    from->stream = rpc_call_open(from->connection, &shim_protocol, "Statistics", &stream_events, from, 0);
    Holm__Shim__V1__StatisticsRequest request = HOLM__SHIM__V1__STATISTICS_REQUEST__INIT;
    request.interval_ms = self->interval_ms ? self->interval_ms : ONE_SHOT_INTERVAL_MS;
    rpc_stream_send(from->stream, &request.base);
    rpc_stream_half_close(from->stream);
}

static int find_named(stats_watch *self, state *db) {
    size_t index;
    json_t *reference;
    json_array_foreach (self->wanted, index, reference) {
        const char *text = json_string_value(reference);
        bool alive = false;
        json_t *document = holm_container_look_up(self->watch.handle.client, db, text, &alive, &self->error);
        if (!document)
            return -1;
        if (!alive) {
            holm_document_refuse(document, "is not running", &self->error);
            json_decref(document);
            return -1;
        }
        json_array_append_new(self->found, document);
    }
    return 0;
}

static void find_all(stats_watch *self, state *db) {
    cleanup_json json_t *list = state_container_list(db, false, &self->error);
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document)
        if (container_is_alive(&self->watch.handle.client->where, holm_document_id(document)) &&
            strcmp(holm_document_status(document, "state"), "running") == 0)
            json_array_append(self->found, document);
}

static void look_on_worker(uv_work_t *work) {
    stats_watch *self = work->data;
    state *db = holm_state_take(self->watch.handle.client, &self->error);
    if (!db)
        return;
    self->found = json_array();
    if (self->wanted)
        find_named(self, db);
    else
        find_all(self, db);
    holm_state_give(self->watch.handle.client, db);
}

static void found(uv_work_t *work, int status) {
    stats_watch *self = work->data;
    (void)status;
    self->working = false;
    cleanup_json json_t *list = steal_pointer(&self->found);
    size_t index;
    json_t *document;
    if (!self->watch.closed && !self->error)
        json_array_foreach (list, index, document)
            source_add(self, document);
    if (!self->watch.closed && self->error) {
        holm_watch_finish(&self->watch, self->error);
        return;
    }
    if (self->again && !self->watch.closed)
        look_for(self);
    finish_when_empty(self);
}

static void look_for(stats_watch *self) {
    self->again = self->working;
    if (self->working)
        return;
    self->working = true;
    uv_queue_work(self->watch.handle.client->loop, &self->work, look_on_worker, found);
}

static void on_event(holm_watch *events, json_t *event, void *data) {
    (void)events;
    const char *action = json_string_value(json_object_get(event, "action"));
    if (action && (strcmp(action, "start") == 0 || strcmp(action, "restart") == 0))
        look_for(data);
}

static void on_events_ended(holm_watch *events, const holm_error *error, void *data) {
    stats_watch *self = data;
    (void)events;
    self->events = NULL;
    holm_watch_finish(&self->watch, error);
}

holm_watch *holm_stats_watch(holm_client *client, json_t *containers, unsigned interval_ms,
                             holm_watch_item item, holm_watch_ended ended, void *data) {
    stats_watch *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    holm_watch_init(&self->watch, client, item, ended, data, stats_end);
    self->wanted = containers ? json_deep_copy(containers) : NULL;
    self->interval_ms = interval_ms;
    self->work.data = self;
    if (!containers && interval_ms > 0)
        self->events = holm_event_watch(client, -1, 0, 0, on_event, on_events_ended, self);
    look_for(self);
    return &self->watch;
}
