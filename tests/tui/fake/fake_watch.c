// What is watched: events, statistics, tasks, the pulls of fake_image.c, and logs.
#include <string.h>

#include "tests/tui/fake/fake_private.h"

holm_watch *fake_watch_new(holm_client *client, int kind, holm_watch_item item, holm_watch_ended ended,
                           void *data) {
    holm_watch *watch = calloc(1, sizeof(*watch));
    watch->client = client;
    watch->kind = kind;
    watch->item = item;
    watch->ended = ended;
    watch->data = data;
    watch->next = client->watches;
    client->watches = watch;
    uv_timer_init(client->loop, &watch->timer);
    watch->timer.data = watch;
    return watch;
}

static void watch_free(uv_handle_t *handle) {
    holm_watch *watch = handle->data;
    json_decref(watch->task);
    free(watch);
}

void holm_watch_close(holm_watch *watch) {
    if (!watch || watch->closed)
        return;
    watch->closed = true;
    for (holm_watch **at = &watch->client->watches; *at; at = &(*at)->next) {
        if (*at == watch) {
            *at = watch->next;
            break;
        }
    }
    uv_close((uv_handle_t *)&watch->timer, watch_free);
}

void fake_announce(holm_client *client, const char *kind) {
    for (holm_watch *watch = client->watches; watch; watch = watch->next) {
        if (watch->kind != WATCH_EVENTS)
            continue;
        json_t *event = json_pack("{s:s, s:s, s:s}", "kind", kind, "action", "change", "name", "made-up");
        watch->item(watch, event, watch->data);
        json_decref(event);
    }
}

static void stats_tick(uv_timer_t *timer) {
    holm_watch *watch = timer->data;
    size_t i;
    json_t *item;
    watch->steps++;
    json_array_foreach (watch->client->containers, i, item) {
        if (strcmp(json_string_value(json_object_get(json_object_get(item, "status"), "state")), "running") !=
            0)
            continue;
        json_t *stats = fake_stats(item, watch->steps, fake_now_ns());
        watch->item(watch, stats, watch->data);
        json_decref(stats);
    }
}

holm_watch *holm_stats_watch(holm_client *client, json_t *containers, unsigned interval_ms,
                             holm_watch_item item, holm_watch_ended ended, void *data) {
    (void)containers;
    holm_watch *watch = fake_watch_new(client, WATCH_STATS, item, ended, data);
    if (!getenv("HOLM_FAKE_STILL"))
        uv_timer_start(&watch->timer, stats_tick, 50, interval_ms);
    return watch;
}

static void lose(uv_timer_t *timer) {
    holm_watch *watch = timer->data;
    holm_error *error = fake_loss();
    watch->ended(watch, error, watch->data);
    holm_error_free(error);
    holm_watch_close(watch);
}

holm_watch *holm_event_watch(holm_client *client, int64_t since_sequence, int64_t since_ns, int64_t until_ns,
                             holm_watch_item item, holm_watch_ended ended, void *data) {
    (void)since_sequence;
    (void)since_ns;
    (void)until_ns;
    holm_watch *watch = fake_watch_new(client, WATCH_EVENTS, item, ended, data);
    if (fake_lost())
        uv_timer_start(&watch->timer, lose, 0, 0);
    return watch;
}

holm_watch *holm_task_watch(holm_client *client, holm_watch_item item, holm_watch_ended ended, void *data) {
    return fake_watch_new(client, WATCH_TASKS, item, ended, data);
}

// ---- logs ----

struct holm_log {
    uv_timer_t timer;
    const holm_log_events *events;
    void *data;
    bool boot, closed;
    long left; ///< lines of HOLM_FAKE_LOG_LINES to come
};

static void log_flood(uv_timer_t *timer) {
    holm_log *log = timer->data;
    char line[128];
    for (int i = 0; i < 1000 && log->left > 0; i++, log->left--) {
        int length = snprintf(line, sizeof line,
                              "line %9ld of many: the quick brown fox jumps over the lazy dog, and "
                              "then it does so once again",
                              log->left);
        log->events->line(log, fake_now_ns(), 1, line, (size_t)length, false, log->data);
    }
    if (log->left > 0)
        uv_timer_start(timer, log_flood, 0, 0);
    else
        log->events->line(log, fake_now_ns(), 1, "that is all", 11, false, log->data);
}

static void log_tick(uv_timer_t *timer) {
    holm_log *log = timer->data;
    static const char *const lines[] = {
        "10.88.0.1 - - [22/Nov/2026:12:04:11 +0000] \"GET / HTTP/1.1\" 200 615 \"-\" \"curl/7.88.1\"",
        "\x1b[32mready\x1b[0m to serve \x1b]0;evil title\a\x1b[2Jrequests",
        "worker process 7 exited with code 0",
        "schön: 日本語 text and a \ttab, a bell \a and an override \xe2\x80\xae here",
    };
    for (int i = 0; i < 40; i++) {
        const char *line = log->boot ? "[    0.123456] Linux version 6.12.0" : lines[i % 4];
        log->events->line(log, fake_now_ns(), i % 7 == 3 ? 2 : 1, line, strlen(line), false, log->data);
    }
    const char *flood = getenv("HOLM_FAKE_LOG_LINES");
    if (flood) {
        log->left = strtol(flood, NULL, 10);
        uv_timer_start(timer, log_flood, 0, 0);
    }
}

holm_log *holm_log_open(holm_client *client, const holm_log_options *options, const holm_log_events *events,
                        void *data) {
    holm_log *log = calloc(1, sizeof(*log));
    *log = (holm_log){.events = events, .data = data, .boot = options->boot};
    uv_timer_init(client->loop, &log->timer);
    log->timer.data = log;
    uv_timer_start(&log->timer, log_tick, 0, 0);
    return log;
}

static void log_free(uv_handle_t *handle) {
    free(handle->data);
}

void holm_log_close(holm_log *log) {
    if (!log || log->closed)
        return;
    log->closed = true;
    uv_close((uv_handle_t *)&log->timer, log_free);
}

void holm_log_pause(holm_log *log) {
    uv_timer_stop(&log->timer);
}

void holm_log_resume(holm_log *log) {
    uv_timer_start(&log->timer, log_tick, 0, 0);
}
