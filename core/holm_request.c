#include <string.h>

#include "core/holm_internal.h"
#include "core/image/image_client.h"

// The client is being destroyed: what runs on a worker ends by itself, a call ends with its connection.
static void request_close(holm_handle *handle) {
    holm_request *self = (holm_request *)handle;
    rpc_connection_destroy(steal_pointer(&self->connection));
}

holm_request *holm_request_create(holm_client *client, holm_done done, void *data) {
    holm_request *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    holm_handle_init(&self->handle, client, request_close);
    self->done = done;
    self->data = data;
    self->lifeline = self->peer = self->lock = self->disk = -1;
    return self;
}

void holm_request_finish(holm_request *self) {
    const int fds[] = {self->lifeline, self->peer, self->lock, self->disk};
    for (size_t i = 0; i < array_length(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    rpc_connection_destroy(self->connection);
    if (self->done && !self->handle.client->destroyed)
        self->done(self->error ? NULL : self->result, self->error, self->data);
    if (self->release)
        self->release(self->own);
    holm_handle_finish(&self->handle);
    json_decref(self->document);
    json_decref(self->result);
    json_decref(self->json);
    holm_error_free(self->error);
    free(self->reference);
    free(self->text);
    free(self);
}

static void run_on_worker(uv_work_t *work) {
    holm_request *self = work->data;
    holm_client *client = self->handle.client;
    state *db = holm_state_take(client, &self->error);
    if (!db)
        return;
    self->run(self, db, &self->error);
    holm_state_give(client, db);
}

static void worker_done(uv_work_t *work, int status) {
    holm_request *self = work->data;
    (void)status;
    if (self->error || self->handle.client->destroyed)
        holm_request_finish(self);
    else
        self->next(self);
}

void holm_request_work(holm_request *self, holm_request_run run, holm_request_next next) {
    self->run = run;
    self->next = next;
    self->work.data = self;
    uv_queue_work(self->handle.client->loop, &self->work, run_on_worker, worker_done);
}

static void call_done(const ProtobufCMessage *answer, const holm_error *error, void *data) {
    holm_request *self = data;
    if (self->peer >= 0 && (!error || !rpc_connection_is_lost(self->connection)))
        close(steal_fd(&self->peer)); // it lives, and says so
    if (self->handle.client->destroyed) {
        holm_request_finish(self);
    } else if (!error) {
        self->answer(self, answer);
    } else if (self->lost && holm_error_code_of(error) == HOLM_ERROR_UNAVAILABLE) {
        self->lost(self);
    } else {
        self->error = holm_error_copy(error);
        holm_request_finish(self);
    }
}

void holm_request_call(holm_request *self, const char *method, const ProtobufCMessage *message,
                       holm_request_answer answer, holm_request_next lost) {
    self->answer = answer;
    self->lost = lost;
    holm_error *error = NULL;
    if (!self->connection)
        self->connection =
            holm_container_connect(self->handle.client, holm_document_id(self->document), NULL, NULL, &error);
    if (self->connection) {
        if (lost && self->peer < 0)
            self->peer = rpc_connection_peer(self->connection);
        rpc_call_unary(self->connection, &shim_protocol, method, message, call_done, self, 0);
        return;
    }
    container_launch_explain(self->lifeline, &self->error);
    bool gone = holm_error_code_of(error) == HOLM_ERROR_UNAVAILABLE ||
                holm_error_code_of(error) == HOLM_ERROR_NOT_FOUND;
    if (!self->error && lost && gone && !self->unreached) {
        self->unreached = true;
        holm_error_free(error);
        lost(self);
        return;
    }
    if (self->error) {
        holm_error_free(error);
    } else {
        self->error = error;
        holm_error_wrap(&self->error, "the container %s does not answer",
                        holm_document_configuration(self->document, "name"));
    }
    holm_request_finish(self);
}

void holm_request_call_worker(holm_request *self, const char *method, const ProtobufCMessage *message,
                              holm_request_answer answer) {
    self->answer = answer;
    self->lost = NULL;
    if (!self->connection) // of a call before
        self->connection = rpc_connection_create(self->handle.client->loop, steal_fd(&self->lifeline), NULL,
                                                 NULL, &self->error);
    if (self->connection)
        rpc_call_unary(self->connection, &image_protocol, method, message, call_done, self, 0);
    else
        holm_request_finish(self);
}

rpc_connection *holm_container_connect(holm_client *client, const char *id, rpc_connection_closed closed,
                                       void *data, holm_error **error) {
    cleanup_free char *path = container_socket(&client->where, id);
    return rpc_connection_open(client->loop, path, closed, data, error);
}

const char *holm_document_id(const json_t *document) {
    return json_string_value(json_object_get(document, "id"));
}

static const char *text_of(const json_t *document, const char *part, const char *key) {
    const char *text = json_string_value(json_object_get(json_object_get(document, part), key));
    return text ? text : "";
}

const char *holm_document_status(const json_t *document, const char *key) {
    return text_of(document, "status", key);
}

const char *holm_document_configuration(const json_t *document, const char *key) {
    return text_of(document, "configuration", key);
}

void holm_document_refuse(const json_t *document, const char *sentence, holm_error **error) {
    const char *name = holm_document_configuration(document, "name");
    holm_error_set(error, HOLM_ERROR_STATE, "the container %s %s", name, sentence);
    holm_error_hint(error, "holm start %s starts it", name);
}

bool holm_document_has_label(const json_t *document, const char *text) {
    const json_t *labels = json_object_get(json_object_get(document, "configuration"), "labels");
    const char *equals = strchr(text, '=');
    cleanup_free char *key = strndup(text, equals ? (size_t)(equals - text) : strlen(text));
    const char *value = json_string_value(json_object_get(labels, key));
    return value && (!equals || strcmp(value, equals + 1) == 0);
}
