// libholm with made-up data, so that the dashboard can be run, tested and measured without a machine.
//
// HOLM_FAKE_CONTAINERS: how many containers (default 4). HOLM_FAKE_EMPTY: none, and no image.
// HOLM_FAKE_STILL: no statistics. HOLM_FAKE_THEME: the theme's name.
// HOLM_FAKE_SHELL: what a console runs (default sh), in a terminal of this
// machine.
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "core/holm.h"
#include "tests/tui/fake/fake_holm.h"

struct holm_client {
    uv_loop_t *loop;
    json_t *containers, *images, *networks, *volumes;
    holm_watch *watches;
    int next_id;
};

struct holm_watch {
    holm_client *client;
    enum { WATCH_EVENTS, WATCH_STATS, WATCH_TASKS, WATCH_PULL } kind;
    holm_watch_item item;
    holm_watch_ended ended;
    void *data;
    uv_timer_t timer;
    json_t *task;
    unsigned steps;
    bool closed;
    holm_watch *next;
};

// ---- answers, always from the loop ----

typedef struct answer {
    uv_timer_t timer;
    holm_done done;
    void *data;
    json_t *result;
    holm_error *error;
} answer;

static void answer_free(uv_handle_t *handle) {
    answer *self = handle->data;
    json_decref(self->result);
    holm_error_free(self->error);
    free(self);
}

static void answer_now(uv_timer_t *timer) {
    answer *self = timer->data;
    self->done(self->result, self->error, self->data);
    uv_close((uv_handle_t *)timer, answer_free);
}

static void reply(holm_client *client, json_t *result, holm_error *error, uint64_t delay, holm_done done,
                  void *data) {
    answer *self = calloc(1, sizeof(*self));
    *self = (answer){.done = done, .data = data, .result = result, .error = error};
    uv_timer_init(client->loop, &self->timer);
    self->timer.data = self;
    uv_timer_start(&self->timer, answer_now, delay, 0);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// ---- data ----

holm_client *holm_client_create(uv_loop_t *loop, holm_error **error) {
    (void)error;
    holm_client *client = calloc(1, sizeof(*client));
    const char *count = getenv("HOLM_FAKE_CONTAINERS");
    client->loop = loop;
    bool empty = getenv("HOLM_FAKE_EMPTY") != NULL;
    int64_t now = now_ns();
    client->containers = empty ? json_array() : fake_containers(count ? atoi(count) : 4, now);
    client->images = empty ? json_array() : fake_images(now);
    client->networks = empty ? json_array() : fake_networks(now);
    client->volumes = empty ? json_array() : fake_volumes(now);
    client->next_id = 1000;
    return client;
}

void holm_client_destroy(holm_client *client) {
    if (!client)
        return;
    while (client->watches)
        holm_watch_close(client->watches);
    json_decref(client->containers);
    json_decref(client->images);
    json_decref(client->networks);
    json_decref(client->volumes);
    free(client);
}

static json_t *find(holm_client *client, const char *reference) {
    size_t i;
    json_t *item;
    json_array_foreach (client->containers, i, item) {
        const char *id = json_string_value(json_object_get(item, "id"));
        const char *name = json_string_value(json_object_get(json_object_get(item, "configuration"), "name"));
        if (strcmp(id, reference) == 0 || strcmp(name, reference) == 0)
            return item;
    }
    return NULL;
}

static void announce(holm_client *client, const char *kind) {
    for (holm_watch *watch = client->watches; watch; watch = watch->next) {
        if (watch->kind != WATCH_EVENTS)
            continue;
        json_t *event = json_pack("{s:s}", "kind", kind);
        watch->item(watch, event, watch->data);
        json_decref(event);
    }
}

void holm_container_list(holm_client *client, bool all, json_t *filters, holm_done done, void *data) {
    (void)all;
    (void)filters;
    reply(client, json_deep_copy(client->containers), NULL, 0, done, data);
}

static void change(holm_client *client, const char *reference, const char *state, holm_done done,
                   void *data) {
    json_t *item = find(client, reference);
    holm_error *error = NULL;
    if (!item) {
        holm_error_set(&error, HOLM_ERROR_NOT_FOUND, "there is no container %s", reference);
        reply(client, NULL, error, 0, done, data);
        return;
    }
    json_t *status = json_object_get(item, "status");
    json_object_set_new(status, "state", json_string(state));
    if (strcmp(state, "running") == 0) {
        json_object_set_new(status, "startedAt", json_integer(now_ns()));
    } else {
        json_object_set_new(status, "finishedAt", json_integer(now_ns()));
        json_object_set_new(status, "exitCode", json_integer(143));
        json_object_set_new(status, "reason", json_string("signal"));
    }
    reply(client, json_deep_copy(item), NULL, 300, done, data);
    announce(client, "container");
}

void holm_container_start(holm_client *client, const char *reference, holm_done done, void *data) {
    change(client, reference, "running", done, data);
}

void holm_container_stop(holm_client *client, const char *reference, int number, unsigned grace_ms,
                         holm_done done, void *data) {
    (void)number;
    (void)grace_ms;
    change(client, reference, "exited", done, data);
}

void holm_container_restart(holm_client *client, const char *reference, int number, unsigned grace_ms,
                            holm_done done, void *data) {
    (void)number;
    (void)grace_ms;
    change(client, reference, "running", done, data);
}

void holm_container_kill(holm_client *client, const char *reference, int number, holm_done done, void *data) {
    (void)number;
    change(client, reference, "exited", done, data);
}

void holm_container_rename(holm_client *client, const char *reference, const char *name, holm_done done,
                           void *data) {
    json_t *item = find(client, reference);
    if (item)
        json_object_set_new(json_object_get(item, "configuration"), "name", json_string(name));
    reply(client, json_incref(item), NULL, 0, done, data);
    announce(client, "container");
}

void holm_container_remove(holm_client *client, const char *reference, const holm_remove_options *options,
                           holm_done done, void *data) {
    (void)options;
    size_t i;
    json_t *item, *gone = find(client, reference);
    json_array_foreach (client->containers, i, item) {
        if (item == gone) {
            json_array_remove(client->containers, i);
            break;
        }
    }
    reply(client, json_null(), NULL, 100, done, data);
    announce(client, "container");
}

void holm_container_create(holm_client *client, json_t *configuration, holm_done done, void *data) {
    char id[65], name[32];
    snprintf(id, sizeof(id), "%064x", client->next_id);
    snprintf(name, sizeof(name), "made-%d", client->next_id++);
    if (!json_object_get(configuration, "name"))
        json_object_set_new(configuration, "name", json_string(name));
    json_t *document = json_pack("{s:s, s:o, s:{s:s, s:I}}", "id", id, "configuration", configuration,
                                 "status", "state", "running", "createdAt", (json_int_t)now_ns());
    json_object_set_new(json_object_get(document, "status"), "startedAt", json_integer(now_ns()));
    json_array_insert_new(client->containers, 0, document);
    reply(client, json_deep_copy(document), NULL, 0, done, data);
    announce(client, "container");
}

void holm_container_processes(holm_client *client, const char *reference, holm_done done, void *data) {
    (void)reference;
    json_t *list = json_array();
    for (int i = 1; i < 6; i++)
        json_array_append_new(list, json_pack("{s:i, s:i, s:s, s:s, s:I, s:I, s:s}", "pid", i, "parent",
                                              i > 1, "user", i == 1 ? "root" : "www-data", "state",
                                              i == 1 ? "S" : "R", "cpuTimeNs", (json_int_t)i * 3400000000,
                                              "residentBytes", (json_int_t)i << 20, "command",
                                              i == 1 ? "nginx: master process" : "nginx: worker process"));
    reply(client, list, NULL, 0, done, data);
}

void holm_image_list(holm_client *client, json_t *filters, holm_done done, void *data) {
    (void)filters;
    reply(client, json_deep_copy(client->images), NULL, 0, done, data);
}

void holm_network_list(holm_client *client, json_t *filters, holm_done done, void *data) {
    (void)filters;
    reply(client, json_deep_copy(client->networks), NULL, 0, done, data);
}

void holm_network_connect(holm_client *client, const char *network, const char *container, json_t *options,
                          holm_done done, void *data) {
    (void)network, (void)container;
    json_decref(options);
    reply(client, json_null(), NULL, 0, done, data);
}

void holm_network_disconnect(holm_client *client, const char *network, const char *container, holm_done done,
                             void *data) {
    (void)network, (void)container;
    reply(client, json_null(), NULL, 0, done, data);
}

void holm_volume_list(holm_client *client, json_t *filters, holm_done done, void *data) {
    (void)filters;
    reply(client, json_deep_copy(client->volumes), NULL, 0, done, data);
}

void holm_image_remove(holm_client *client, const char *reference, const char *platform, bool force,
                       holm_done done, void *data) {
    (void)platform;
    (void)reference;
    (void)force;
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_IN_USE, "image is used by container web");
    reply(client, NULL, error, 0, done, data);
}

void holm_volume_resize(holm_client *client, const char *name, uint64_t size, holm_done done, void *data) {
    size_t i;
    json_t *item;
    json_array_foreach (client->volumes, i, item)
        if (strcmp(json_string_value(json_object_get(item, "id")), name) == 0) {
            json_object_set_new(json_object_get(item, "configuration"), "sizeBytes",
                                json_integer((json_int_t)size));
            reply(client, json_deep_copy(item), NULL, 0, done, data);
            announce(client, "volume");
            return;
        }
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_NOT_FOUND, "there is no volume \"%s\"", name);
    reply(client, NULL, error, 0, done, data);
}

// ---- prunes: only containers go ----

static json_t *pruned(json_int_t bytes) {
    return json_pack("{s:[], s:I}", "deleted", "reclaimedBytes", bytes);
}

void holm_container_prune(holm_client *client, json_t *filters, holm_done done, void *data) {
    (void)filters;
    for (size_t i = json_array_size(client->containers); i-- > 0;) {
        const json_t *status = json_object_get(json_array_get(client->containers, i), "status");
        if (strcmp(json_string_value(json_object_get(status, "state")), "running") != 0)
            json_array_remove(client->containers, i);
    }
    reply(client, pruned(3 << 20), NULL, 0, done, data);
    announce(client, "container");
}

void holm_system_prune(holm_client *client, const holm_prune_options *options, json_t *filters,
                       holm_done done, void *data) {
    (void)options;
    holm_container_prune(client, filters, done, data);
}

void holm_volume_prune(holm_client *client, bool all, json_t *filters, holm_done done, void *data) {
    (void)all;
    (void)filters;
    reply(client, pruned(0), NULL, 0, done, data);
}

void holm_network_prune(holm_client *client, json_t *filters, holm_done done, void *data) {
    (void)filters;
    reply(client, pruned(0), NULL, 0, done, data);
}

void holm_image_prune(holm_client *client, bool all, json_t *filters, holm_done done, void *data) {
    (void)all;
    (void)filters;
    reply(client, pruned(0), NULL, 0, done, data);
}

void holm_system_usage(holm_client *client, holm_done done, void *data) {
    json_t *kind = json_pack("{s:i, s:i, s:i, s:i}", "total", 4, "active", 3, "sizeBytes", 40 << 20,
                             "reclaimableBytes", 10 << 20);
    reply(client,
          json_pack("{s:O, s:O, s:O, s:O, s:o, s:i, s:i}", "images", kind, "containers", kind, "volumes",
                    kind, "templates", kind, "kernels", kind, "sizeBytes", 200 << 20, "reclaimableBytes",
                    50 << 20),
          NULL, 0, done, data);
}

void holm_task_cancel(holm_client *client, const char *task, holm_done done, void *data) {
    (void)task;
    reply(client, json_null(), NULL, 0, done, data);
}

void holm_system_information(holm_client *client, holm_done done, void *data) {
    reply(client,
          json_pack("{s:s, s:s, s:s, s:s, s:i}", "version", "0.1.0", "accelerator", "tcg",
                    "acceleratorReason", "/dev/kvm is not there", "kernel", "6.12.0", "cpus", 2),
          NULL, 0, done, data);
}

void holm_system_doctor(holm_client *client, holm_done done, void *data) {
    reply(client, fake_checks(), NULL, 0, done, data);
}

const json_t *holm_configuration_get(const holm_client *client, const char *key) {
    (void)client;
    static json_t *theme; // borrowed by the caller as long as the program runs
    if (strcmp(key, "theme.name") != 0 || !getenv("HOLM_FAKE_THEME"))
        return NULL;
    if (!theme)
        theme = json_string(getenv("HOLM_FAKE_THEME"));
    return theme;
}

const char *holm_share_directory(const holm_client *client) {
    (void)client;
    const char *path = getenv("HOLM_FAKE_SHARE");
    return path ? path : "/nonexistent";
}

const char *holm_configuration_directory(const holm_client *client) {
    return holm_share_directory(client);
}

const char *holm_data_directory(const holm_client *client) {
    (void)client;
    return getenv("HOLM_FAKE_DATA");
}

// ---- watches ----

static holm_watch *watch_new(holm_client *client, int kind, holm_watch_item item, holm_watch_ended ended,
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

static void stats_tick(uv_timer_t *timer) {
    holm_watch *watch = timer->data;
    size_t i;
    json_t *item;
    watch->steps++;
    json_array_foreach (watch->client->containers, i, item) {
        if (strcmp(json_string_value(json_object_get(json_object_get(item, "status"), "state")), "running") !=
            0)
            continue;
        json_t *stats = fake_stats(item, watch->steps, now_ns());
        watch->item(watch, stats, watch->data);
        json_decref(stats);
    }
}

holm_watch *holm_stats_watch(holm_client *client, json_t *containers, unsigned interval_ms,
                             holm_watch_item item, holm_watch_ended ended, void *data) {
    (void)containers;
    holm_watch *watch = watch_new(client, WATCH_STATS, item, ended, data);
    if (!getenv("HOLM_FAKE_STILL"))
        uv_timer_start(&watch->timer, stats_tick, 50, interval_ms);
    return watch;
}

holm_watch *holm_event_watch(holm_client *client, int64_t since_sequence, int64_t since_ns, int64_t until_ns,
                             holm_watch_item item, holm_watch_ended ended, void *data) {
    (void)since_sequence;
    (void)since_ns;
    (void)until_ns;
    return watch_new(client, WATCH_EVENTS, item, ended, data);
}

holm_watch *holm_task_watch(holm_client *client, holm_watch_item item, holm_watch_ended ended, void *data) {
    return watch_new(client, WATCH_TASKS, item, ended, data);
}

static void pull_tick(uv_timer_t *timer) {
    holm_watch *watch = timer->data;
    const char *subject = json_string_value(json_object_get(watch->task, "subject"));
    watch->steps++;
    json_t *progress = fake_progress(subject, watch->steps, now_ns());
    bool done = json_is_true(json_object_get(progress, "done"));
    watch->item(watch, progress, watch->data);
    json_decref(progress);
    if (!done)
        return;
    uv_timer_stop(timer);
    watch->ended(watch, NULL, watch->data);
    holm_watch_close(watch);
}

holm_watch *holm_image_pull(holm_client *client, const char *reference,
                            const holm_image_pull_options *options, holm_watch_item item,
                            holm_watch_ended ended, void *data) {
    (void)options;
    holm_watch *watch = watch_new(client, WATCH_PULL, item, ended, data);
    watch->task = json_pack("{s:s}", "subject", reference);
    uv_timer_start(&watch->timer, pull_tick, 20, 100);
    return watch;
}

// ---- sessions: a shell of this machine ----

struct holm_session {
    uv_poll_t poll;
    uv_timer_t begin;
    pid_t pid;
    int fd;
    char name[32];
    const holm_session_events *events;
    void *data;
    bool closed;
};

static void session_free(uv_handle_t *handle) {
    holm_session *session = handle->data;
    uv_timer_stop(&session->begin);
    close(session->fd);
    free(session);
}

static void session_close_timer(uv_handle_t *handle) {
    holm_session *session = handle->data;
    uv_close((uv_handle_t *)&session->begin, session_free);
}

void holm_session_close(holm_session *session) {
    if (session->closed)
        return;
    session->closed = true;
    kill(session->pid, SIGHUP);
    waitpid(session->pid, NULL, WNOHANG);
    uv_close((uv_handle_t *)&session->poll, session_close_timer);
}

static void session_read(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    holm_session *session = poll->data;
    char bytes[16384];
    ssize_t length = read(session->fd, bytes, sizeof(bytes));
    if (length > 0) {
        session->events->output(session, 1, bytes, (size_t)length, session->data);
        return;
    }
    int result = 0;
    waitpid(session->pid, &result, 0);
    session->events->ended(session, WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result), NULL,
                           session->data);
    session->closed = true;
    uv_close((uv_handle_t *)poll, session_close_timer);
}

static void session_begin(uv_timer_t *timer) {
    holm_session *session = timer->data;
    session->events->attached(session, session->name, true, session->data);
    uv_poll_start(&session->poll, UV_READABLE | UV_DISCONNECT, session_read);
}

holm_session *holm_session_open(holm_client *client, const holm_session_options *options,
                                const holm_session_events *events, void *data) {
    holm_session *session = calloc(1, sizeof(*session));
    session->events = events;
    session->data = data;
    snprintf(session->name, sizeof(session->name), "%s", options->session ? options->session : "shell-1");
    struct winsize size = {.ws_col = (unsigned short)options->columns,
                           .ws_row = (unsigned short)options->rows};
    session->pid = forkpty(&session->fd, NULL, NULL, &size);
    if (session->pid == 0) {
        const char *shell = getenv("HOLM_FAKE_SHELL");
        setenv("TERM", "xterm-256color", 1);
        setenv("PS1", "root@web:/# ", 1);
        unsetenv("TMUX");
        execl("/bin/sh", "sh", "-c", shell ? shell : "exec sh", (char *)NULL);
        _exit(127);
    }
    fcntl(session->fd, F_SETFL, O_NONBLOCK);
    uv_poll_init(client->loop, &session->poll, session->fd);
    uv_timer_init(client->loop, &session->begin);
    session->poll.data = session->begin.data = session;
    uv_timer_start(&session->begin, session_begin, 0, 0);
    return session;
}

bool holm_session_write(holm_session *session, const void *bytes, size_t length) {
    ssize_t ignored = write(session->fd, bytes, length);
    (void)ignored;
    return true;
}

void holm_session_resize(holm_session *session, unsigned columns, unsigned rows) {
    ioctl(session->fd, TIOCSWINSZ,
          &(struct winsize){.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows});
}

// ---- logs ----

struct holm_log {
    uv_timer_t timer;
    const holm_log_events *events;
    void *data;
    bool boot, closed;
};

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
        log->events->line(log, now_ns(), i % 7 == 3 ? 2 : 1, line, strlen(line), false, log->data);
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

// ---- what the dashboard does not ask for, but the table's commands link ----

static void refuse(holm_client *client, holm_done done, void *data) {
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_UNSUPPORTED, "this is made-up data");
    reply(client, NULL, error, 0, done, data);
}

void holm_container_inspect(holm_client *client, const char *reference, holm_done done, void *data) {
    reply(client, json_incref(find(client, reference)), NULL, 0, done, data);
}

void holm_container_wait(holm_client *client, const char *reference, holm_done done, void *data) {
    (void)reference;
    refuse(client, done, data);
}

void holm_container_sessions(holm_client *client, const char *reference, holm_done done, void *data) {
    (void)reference;
    json_t *left = json_pack("[{s:s, s:b, s:b}, {s:s, s:b, s:b}]", "name", "shell-0", "terminal", 1,
                             "running", 1, "name", "job-1", "terminal", 0, "running", 1);
    reply(client, left, NULL, 0, done, data);
}

void holm_image_inspect(holm_client *client, const char *reference, holm_done done, void *data) {
    (void)reference;
    refuse(client, done, data);
}

void holm_image_tag(holm_client *client, const char *reference, const char *target, holm_done done,
                    void *data) {
    (void)reference;
    (void)target;
    refuse(client, done, data);
}

holm_watch *holm_image_push(holm_client *client, const char *reference,
                            const holm_image_push_options *options, holm_watch_item item,
                            holm_watch_ended ended, void *data) {
    (void)options;
    return holm_image_pull(client, reference, NULL, item, ended, data);
}

holm_watch *holm_image_load(holm_client *client, const char *path, holm_watch_item item,
                            holm_watch_ended ended, void *data) {
    return holm_image_pull(client, path, NULL, item, ended, data);
}

holm_watch *holm_image_import(holm_client *client, const char *path, const char *reference, json_t *changes,
                              holm_watch_item item, holm_watch_ended ended, void *data) {
    (void)path;
    (void)changes;
    return holm_image_pull(client, reference, NULL, item, ended, data);
}

void holm_registry_login(holm_client *client, const holm_login *login, holm_done done, void *data) {
    (void)login;
    refuse(client, done, data);
}

void holm_registry_logout(holm_client *client, const char *registry, holm_done done, void *data) {
    (void)registry;
    refuse(client, done, data);
}

void holm_registry_list(holm_client *client, holm_done done, void *data) {
    refuse(client, done, data);
}

void holm_registry_tags(holm_client *client, const char *name, const char *scheme, unsigned most,
                        holm_done done, void *data) {
    (void)name;
    (void)scheme;
    (void)most;
    reply(client, json_pack("{s:[sss], s:b}", "tags", "12", "12-slim", "sid", "more", false), NULL, 1, done,
          data);
}

void holm_session_close_input(holm_session *session) {
    holm_session_write(session, "\x04", 1);
}

void holm_session_signal(holm_session *session, int number) {
    kill(session->pid, number);
}

void holm_session_pause(holm_session *session) {
    uv_poll_stop(&session->poll);
}

void holm_session_resume(holm_session *session) {
    uv_poll_start(&session->poll, UV_READABLE | UV_DISCONNECT, session_read);
}

void holm_log_pause(holm_log *log) {
    uv_timer_stop(&log->timer);
}

void holm_log_resume(holm_log *log) {
    uv_timer_start(&log->timer, log_tick, 0, 0);
}
