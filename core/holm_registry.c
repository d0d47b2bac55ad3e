// Registries: logins, which the image worker has checked before they are kept, and what they have of an
// image.
#include <string.h>

#include "core/holm_image.h"
#include "core/image/image_client.h"
#include "core/image/reference.h"
#include "core/registry/credential_store.h"
#include "core/registry/credentials.h"

// "https://host/" is the registry "host". The caller frees it.
static char *registry_name(const holm_client *client, const char *text, holm_error **error) {
    if (!text)
        text = json_string_value(config_get(client->config, "registry.domain"));
    const char *host = strstr(text, "://");
    host = host ? host + 3 : text;
    cleanup_free char *name = strndup(host, strlen(host) - (*host && host[strlen(host) - 1] == '/'));
    cleanup_free char *probe = path_format("%s/a", name);
    cleanup_image_reference image_reference reference = {0};
    if (image_reference_parse(probe, NULL, &reference, NULL) == 0 && strcmp(reference.repository, "a") == 0)
        return strdup(reference.registry);
    holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" is no registry", text);
    holm_error_hint(error,
                    "it is a host, with its port where it needs one: docker.io, registry.example:5000");
    return NULL;
}

static int name_registry(holm_request *self, holm_error **error) {
    char *name = registry_name(self->handle.client, self->reference, error);
    free(self->reference);
    self->reference = name;
    return name ? 0 : -1;
}

static char *lock_path(const holm_client *client) {
    return path_join(client->where.runtime, "credentials.lock", NULL);
}

// ---- login ----

static char *secret(const holm_request *self) {
    return (char *)json_string_value(json_object_get(self->json, "password"));
}

static void wipe_secret(void *own) {
    char *password = (char *)json_string_value(json_object_get(own, "password"));
    explicit_bzero(password, strlen(password));
}

static int reach(holm_request *self, state *db, holm_error **error) {
    (void)db;
    if (name_registry(self, error) < 0)
        return -1;
    if (strlen(secret(self)) > CREDENTIALS_PASSWORD_MAX || strchr(self->text, ':') || !*self->text) {
        holm_error_set(error, HOLM_ERROR_INVALID, "no user name or password looks like this");
        return -1;
    }
    self->lifeline = image_client_connect(&self->handle.client->where, true, error);
    return self->lifeline < 0 ? -1 : 0;
}

static int keep(holm_request *self, state *db, holm_error **error) {
    (void)db;
    cleanup_free char *lock = lock_path(self->handle.client), *where = NULL;
    if (credential_store_keep(self->reference, self->text, secret(self), lock, &where, error) < 0) {
        holm_error_wrap(error, "keep the login to %s", self->reference);
        return -1;
    }
    self->result =
        json_pack("{s:s, s:s, s:s}", "registry", self->reference, "username", self->text, "source", where);
    return 0;
}

static void accepted(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer;
    holm_request_work(self, keep, holm_request_finish);
}

static void call_login(holm_request *self) {
    const char *scheme = json_string_value(json_object_get(self->json, "scheme"));
    Holm__Image__V1__LoginRequest message = HOLM__IMAGE__V1__LOGIN_REQUEST__INIT;
    message.registry = self->reference;
    message.username = self->text;
    message.password = secret(self);
    message.scheme = (char *)(scheme ? scheme : "");
    holm_request_call_worker(self, "Login", &message.base, accepted);
}

void holm_registry_login(holm_client *client, const holm_login *login, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = login->registry ? strdup(login->registry) : NULL;
    self->text = strdup(login->username);
    self->json = json_pack("{s:s, s:s?}", "password", login->password, "scheme", login->scheme);
    if (!self->json) // no UTF-8
        self->json = json_pack("{s:s}", "password", "");
    self->release = wipe_secret;
    self->own = self->json;
    holm_request_work(self, reach, call_login);
}

// ---- logout, list ----

static int forget(holm_request *self, state *db, holm_error **error) {
    (void)db;
    cleanup_free char *lock = lock_path(self->handle.client);
    if (name_registry(self, error) < 0)
        return -1;
    json_t *sources = credential_store_forget(self->reference, lock, error);
    if (sources)
        self->result = json_pack("{s:s, s:o}", "registry", self->reference, "sources", sources);
    return sources ? 0 : -1;
}

void holm_registry_logout(holm_client *client, const char *registry, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = registry ? strdup(registry) : NULL;
    holm_request_work(self, forget, holm_request_finish);
}

static int list(holm_request *self, state *db, holm_error **error) {
    (void)db;
    self->result = credential_store_list(error);
    return self->result ? 0 : -1;
}

void holm_registry_list(holm_client *client, holm_done done, void *data) {
    holm_request_work(holm_request_create(client, done, data), list, holm_request_finish);
}

// ---- what a registry has of an image ----

static int reach_for_image(holm_request *self, state *db, holm_error **error) {
    (void)db;
    char *canonical = holm_image_canonical(self->handle.client, self->reference, error);
    free(self->reference);
    self->reference = canonical;
    if (!canonical)
        return -1;
    self->lifeline = image_client_connect(&self->handle.client->where, true, error);
    return self->lifeline < 0 ? -1 : 0;
}

static void answer_tags(holm_request *self, const ProtobufCMessage *answer) {
    self->result = holm_message_json(answer);
    holm_request_finish(self);
}

static void call_tags(holm_request *self) {
    Holm__Image__V1__TagsRequest message = HOLM__IMAGE__V1__TAGS_REQUEST__INIT;
    message.reference = self->reference;
    message.scheme = self->text;
    message.most = self->grace_ms;
    holm_request_call_worker(self, "Tags", &message.base, answer_tags);
}

static holm_request *ask_about(holm_client *client, const char *name, const char *scheme, holm_done done,
                               void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(name);
    self->text = strdup(scheme ? scheme : "");
    return self;
}

void holm_registry_tags(holm_client *client, const char *name, const char *scheme, unsigned most,
                        holm_done done, void *data) {
    holm_request *self = ask_about(client, name, scheme, done, data);
    self->grace_ms = most;
    holm_request_work(self, reach_for_image, call_tags);
}

static void answer_referrers(holm_request *self, const ProtobufCMessage *answer) {
    size_t index, at;
    json_t *referrer, *annotation;
    self->result = holm_message_json(answer);
    json_array_foreach (json_object_get(self->result, "referrers"), index, referrer) {
        json_t *named = json_object();
        json_array_foreach (json_object_get(referrer, "annotations"), at, annotation)
            json_object_set(named, json_string_value(json_object_get(annotation, "name")),
                            json_object_get(annotation, "value"));
        json_object_set_new(referrer, "annotations", named);
    }
    holm_request_finish(self);
}

static void call_referrers(holm_request *self) {
    const char *type = json_string_value(self->json);
    Holm__Image__V1__ReferrersRequest message = HOLM__IMAGE__V1__REFERRERS_REQUEST__INIT;
    message.reference = self->reference;
    message.scheme = self->text;
    message.artifact_type = (char *)(type ? type : "");
    holm_request_call_worker(self, "Referrers", &message.base, answer_referrers);
}

void holm_registry_referrers(holm_client *client, const char *name, const char *scheme,
                             const char *artifact_type, holm_done done, void *data) {
    holm_request *self = ask_about(client, name, scheme, done, data);
    self->json = artifact_type ? json_string(artifact_type) : NULL;
    holm_request_work(self, reach_for_image, call_referrers);
}

static void answer_removed(holm_request *self, const ProtobufCMessage *answer) {
    self->result = holm_message_json(answer);
    json_object_set_new(self->result, "reference", json_string(self->reference));
    holm_request_finish(self);
}

static void call_remove(holm_request *self) {
    Holm__Image__V1__RemoveRemoteRequest message = HOLM__IMAGE__V1__REMOVE_REMOTE_REQUEST__INIT;
    message.reference = self->reference;
    message.scheme = self->text;
    holm_request_call_worker(self, "RemoveRemote", &message.base, answer_removed);
}

void holm_registry_remove(holm_client *client, const char *name, const char *scheme, holm_done done,
                          void *data) {
    holm_request_work(ask_about(client, name, scheme, done, data), reach_for_image, call_remove);
}
