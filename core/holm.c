#include "core/holm.h"

#include <string.h>

#include "core/base/trace.h"
#include "core/config/toml.h"
#include "core/container/spare.h"
#include "core/holm_internal.h"

// Helpers hear of it by their environment; what the user has set there himself goes before.
static void choose_accelerator(const config *settings) {
    const char *chosen = json_string_value(config_get(settings, "start.accelerator"));
    if (chosen && strcmp(chosen, "auto") != 0)
        setenv("HOLM_ACCELERATOR", chosen, 0);
}

holm_client *holm_client_create(uv_loop_t *loop, holm_error **error) {
    holm_client *client = calloc(1, sizeof *client);
    if (!client)
        abort();
    client->loop = loop;
    client->users = 1;
    uv_mutex_init(&client->lock);
    uv_mutex_init(&client->opening);
    if (paths_init(&client->where, error) == 0)
        client->config = config_load(client->where.config, error);
    if (!client->config) {
        holm_client_destroy(client);
        return NULL;
    }
    choose_accelerator(client->config);
    client->pool = (unsigned)json_integer_value(config_get(client->config, "start.pool"));
    spare_trim(&client->where, client->pool);
    client->cold = json_is_false(config_get(client->config, "start.template"));
    return client;
}

static void client_release(holm_client *client) {
    if (--client->users > 0)
        return;
    state_close(client->idle);
    config_destroy(client->config);
    paths_finish(&client->where);
    uv_mutex_destroy(&client->lock);
    uv_mutex_destroy(&client->opening);
    free(client);
}

typedef struct warming {
    uv_work_t work;
    holm_client *client;
} warming;

static void warm(uv_work_t *work) {
    holm_client *client = ((warming *)work->data)->client;
    state *db = holm_state_take(client, NULL); // who needs it is told of what is wrong
    if (db)
        holm_state_give(client, db);
}

static void warmed(uv_work_t *work, int status) {
    warming *self = work->data;
    (void)status;
    client_release(self->client);
    free(self);
}

void holm_client_warm(holm_client *client) {
    warming *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->client = client;
    self->work.data = self;
    client->users++;
    uv_queue_work(client->loop, &self->work, warm, warmed);
}

void holm_start_cold(holm_client *client) {
    client->cold = true;
}

int holm_trace(const char *path, holm_error **error) {
    return trace_create(path, "holm", error);
}

void holm_client_destroy(holm_client *client) {
    if (!client)
        return;
    client->destroyed = true;
    for (holm_handle *handle = client->handles, *next; handle; handle = next) {
        next = handle->next;
        handle->close(handle);
    }
    client_release(client);
}

void holm_handle_init(holm_handle *self, holm_client *client, void (*close)(holm_handle *self)) {
    *self = (holm_handle){.client = client, .next = client->handles, .close = close};
    if (client->handles)
        client->handles->previous = self;
    client->handles = self;
    client->users++;
}

void holm_handle_finish(holm_handle *self) {
    if (self->previous)
        self->previous->next = self->next;
    else
        self->client->handles = self->next;
    if (self->next)
        self->next->previous = self->previous;
    client_release(self->client);
}

static state *take_idle(holm_client *client) {
    uv_mutex_lock(&client->lock);
    state *db = steal_pointer(&client->idle);
    uv_mutex_unlock(&client->lock);
    return db;
}

// One opens at a time: the first of all processes puts the write-ahead log in order, and SQLite would have
// the others sleep meanwhile, for longer than that takes.
state *holm_state_take(holm_client *client, holm_error **error) {
    state *db = take_idle(client);
    if (db)
        return db;
    uv_mutex_lock(&client->opening);
    db = take_idle(client);
    if (!db)
        db = state_open(client->where.data, error);
    uv_mutex_unlock(&client->opening);
    return db;
}

void holm_state_give(holm_client *client, state *db) {
    uv_mutex_lock(&client->lock);
    state *spare = client->idle;
    client->idle = db;
    uv_mutex_unlock(&client->lock);
    state_close(spare);
}

const json_t *holm_configuration_get(const holm_client *client, const char *key) {
    return config_get(client->config, key);
}

json_t *holm_configuration_read(const char *path, json_t **lines, holm_error **error) {
    return toml_read(path, lines, error);
}

const char *holm_share_directory(const holm_client *client) {
    return client->where.share;
}

const char *holm_configuration_directory(const holm_client *client) {
    return client->where.config;
}

const char *holm_data_directory(const holm_client *client) {
    return client->where.data;
}
