// libholm with made-up data, so that the dashboard can be run, tested and measured without a machine.
//
// HOLM_FAKE_CONTAINERS: how many containers (default 4). HOLM_FAKE_EMPTY: none, and no image.
// HOLM_FAKE_STILL: no statistics. HOLM_FAKE_THEME: the theme's name.
// HOLM_FAKE_LOST: a file; while it is there the backend does not answer.
// HOLM_FAKE_COMMANDS: the user's commands, as JSON.
// HOLM_FAKE_LOG_LINES: so many lines come in each log, as fast as they are taken.
// HOLM_FAKE_SHELL: what a console runs (default sh), in a terminal of this
// machine.
// SIGUSR2: the first container goes, as if another process had removed it.
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/tui/fake/fake_private.h"

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

void fake_reply(holm_client *client, json_t *result, holm_error *error, uint64_t delay, holm_done done,
                void *data) {
    answer *self = calloc(1, sizeof(*self));
    *self = (answer){.done = done, .data = data, .result = result, .error = error};
    uv_timer_init(client->loop, &self->timer);
    self->timer.data = self;
    uv_timer_start(&self->timer, answer_now, delay, 0);
}

void fake_refuse(holm_client *client, holm_done done, void *data) {
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_UNSUPPORTED, "this is made-up data");
    fake_reply(client, NULL, error, 0, done, data);
}

int64_t fake_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool fake_lost(void) {
    const char *file = getenv("HOLM_FAKE_LOST");
    return file && access(file, F_OK) == 0;
}

holm_error *fake_loss(void) {
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_UNAVAILABLE, "the database does not answer");
    return error;
}

json_t *fake_pruned(json_int_t bytes) {
    return json_pack("{s:[], s:I}", "deleted", "reclaimedBytes", bytes);
}

// ---- the client ----

static void remove_first(uv_signal_t *handle, int number) {
    (void)number;
    holm_client *client = handle->data;
    json_array_remove(client->containers, 0);
    fake_announce(client, "container");
}

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

holm_client *holm_client_create(uv_loop_t *loop, holm_error **error) {
    (void)error;
    holm_client *client = calloc(1, sizeof(*client));
    const char *count = getenv("HOLM_FAKE_CONTAINERS");
    client->loop = loop;
    bool empty = getenv("HOLM_FAKE_EMPTY") != NULL;
    int64_t now = fake_now_ns();
    client->containers = empty ? json_array() : fake_containers(count ? atoi(count) : 4, now);
    client->images = empty ? json_array() : fake_images(now);
    client->networks = empty ? json_array() : fake_networks(now);
    client->volumes = empty ? json_array() : fake_volumes(now);
    client->next_id = 1000;
    client->removal = calloc(1, sizeof(*client->removal));
    uv_signal_init(loop, client->removal);
    client->removal->data = client;
    uv_signal_start(client->removal, remove_first, SIGUSR2);
    uv_unref((uv_handle_t *)client->removal);
    return client;
}

void holm_client_warm(holm_client *client) {
    (void)client;
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
    uv_close((uv_handle_t *)client->removal, free_handle);
    free(client);
}

// ---- the system ----

void holm_system_prune(holm_client *client, const holm_prune_options *options, json_t *filters,
                       holm_done done, void *data) {
    (void)options;
    holm_container_prune(client, filters, done, data);
}

void holm_system_usage(holm_client *client, holm_done done, void *data) {
    json_t *kind = json_pack("{s:i, s:i, s:i, s:i}", "total", 4, "active", 3, "sizeBytes", 40 << 20,
                             "reclaimableBytes", 10 << 20);
    fake_reply(client,
               json_pack("{s:O, s:O, s:O, s:O, s:o, s:i, s:i}", "images", kind, "containers", kind, "volumes",
                         kind, "templates", kind, "kernels", kind, "sizeBytes", 200 << 20, "reclaimableBytes",
                         50 << 20),
               NULL, 0, done, data);
}

void holm_task_cancel(holm_client *client, const char *task, holm_done done, void *data) {
    fake_cancel_pull(client, task);
    fake_reply(client, json_null(), NULL, 0, done, data);
}

void holm_system_information(holm_client *client, holm_done done, void *data) {
    fake_reply(client,
               json_pack("{s:s, s:s, s:s, s:s, s:i}", "version", "0.1.0", "accelerator", "tcg",
                         "acceleratorReason", "/dev/kvm is not there", "kernel", "6.12.0", "cpus", 2),
               NULL, 0, done, data);
}

void holm_system_doctor(holm_client *client, holm_done done, void *data) {
    fake_reply(client, fake_checks(), NULL, 0, done, data);
}

const json_t *holm_configuration_get(const holm_client *client, const char *key) {
    (void)client;
    static json_t *theme; // borrowed by the caller as long as the program runs
    if (strcmp(key, "command") == 0 && getenv("HOLM_FAKE_COMMANDS")) {
        static json_t *commands;
        if (!commands)
            commands = json_loads(getenv("HOLM_FAKE_COMMANDS"), 0, NULL);
        return commands;
    }
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
