// Images, what brings and takes them away.
#include <stdio.h>
#include <string.h>

#include "tests/tui/fake/fake_private.h"

#define SECOND 1000000000LL

static json_t *image(const char *id, const char *name, json_int_t size, int64_t age, int users, int layers,
                     int64_t now) {
    json_t *containers = json_array(), *list = json_array();
    for (int i = 0; i < users; i++)
        json_array_append_new(
            containers, json_string("a000000000000000000000000000000000000000000000000000000000000000"));
    for (int i = 0; i < layers; i++) {
        char digest[80];
        snprintf(digest, sizeof(digest), "sha256:%02x%062d", 0x31 + i * 17, i);
        json_array_append_new(
            list, json_pack("{s:s, s:I}", "digest", digest, "sizeBytes", size / layers + i * 12345));
    }
    json_t *history = json_array();
    for (int i = 0; i < layers; i++) {
        json_array_append_new(
            history, json_pack("{s:s}", "createdBy",
                               i ? "/bin/sh -c apt-get update && apt-get install -y --no-install-recommends "
                                   "ca-certificates"
                                 : "ADD rootfs.tar.xz /"));
        json_array_append_new(history, json_pack("{s:s, s:b}", "createdBy",
                                                 "/bin/sh -c #(nop)  ENV VERSION=1.27.3", "emptyLayer", 1));
    }
    json_t *document =
        json_pack("{s:s, s:{s:[s], s:s, s:{s:[s], s:[s]}}, s:{s:I, s:I, s:I, s:o, s:o}}", "id", id,
                  "configuration", "references", name, "platform", "linux/amd64", "process", "entrypoint",
                  "/entrypoint.sh", "command", "serve", "status", "sizeBytes", size, "uniqueBytes", size / 2,
                  "createdAt", (json_int_t)(now - age * SECOND), "layers", list, "containers", containers);
    json_object_set_new(json_object_get(document, "status"), "history", history);
    json_t *configuration = json_object_get(document, "configuration");
    json_object_set_new(json_object_get(configuration, "process"), "environment",
                        json_pack("[s, s]", "PATH=/usr/local/bin:/usr/bin:/bin", "VERSION=1.27.3"));
    json_object_set_new(configuration, "exposedPorts", json_pack("[s]", "80/tcp"));
    json_object_set_new(configuration, "labels", json_pack("{s:s}", "maintainer", "someone"));
    return document;
}

json_t *fake_images(int64_t now_ns) {
    json_t *list = json_array();
    json_array_append_new(
        list, image("sha256:3f5a", "docker.io/library/nginx:1.27", 68 << 20, 3 * 86400, 1, 6, now_ns));
    json_array_append_new(
        list, image("sha256:77c0", "docker.io/library/postgres:16", 151 << 20, 3 * 86400, 1, 4, now_ns));
    json_array_append_new(
        list, image("sha256:1b2e", "docker.io/library/debian:12", 48 << 20, 12 * 86400, 1, 1, now_ns));
    json_array_append_new(
        list, image("sha256:9ab1", "docker.io/library/alpine:3.20", 3 << 20, 40 * 86400, 0, 1, now_ns));
    return list;
}

void holm_image_list(holm_client *client, json_t *filters, holm_done done, void *data) {
    (void)filters;
    fake_reply(client, json_deep_copy(client->images), NULL, 0, done, data);
}

void holm_image_inspect(holm_client *client, const char *reference, holm_done done, void *data) {
    (void)reference;
    fake_refuse(client, done, data);
}

void holm_image_tag(holm_client *client, const char *reference, const char *target, holm_done done,
                    void *data) {
    (void)reference;
    (void)target;
    fake_refuse(client, done, data);
}

void holm_image_remove(holm_client *client, const char *reference, const char *platform, bool force,
                       holm_done done, void *data) {
    (void)platform;
    (void)reference;
    (void)force;
    holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_IN_USE, "image is used by container web");
    fake_reply(client, NULL, error, 0, done, data);
}

void holm_image_prune(holm_client *client, bool all, json_t *filters, holm_done done, void *data) {
    (void)all;
    (void)filters;
    fake_reply(client, fake_pruned(0), NULL, 0, done, data);
}

static void pull_tick(uv_timer_t *timer) {
    holm_watch *watch = timer->data;
    const char *subject = json_string_value(json_object_get(watch->task, "subject"));
    watch->steps++;
    json_t *progress = fake_progress(subject, watch->steps, fake_now_ns());
    bool done = json_is_true(json_object_get(progress, "done"));
    watch->item(watch, progress, watch->data);
    json_decref(progress);
    if (!done)
        return;
    uv_timer_stop(timer);
    watch->ended(watch, NULL, watch->data);
    holm_watch_close(watch);
}

void fake_cancel_pull(holm_client *client, const char *task) {
    for (holm_watch *watch = client->watches; watch; watch = watch->next) {
        const char *subject = json_string_value(json_object_get(watch->task, "subject"));
        if (!subject || strcmp(subject, task) != 0)
            continue;
        json_t *progress = fake_progress(subject, watch->steps, fake_now_ns());
        holm_error *error = NULL;
        holm_error_set(&error, HOLM_ERROR_CANCELLED, "it was cancelled");
        json_object_set_new(progress, "phase", json_string("cancelled"));
        json_object_set_new(progress, "done", json_true());
        uv_timer_stop(&watch->timer);
        watch->item(watch, progress, watch->data);
        watch->ended(watch, error, watch->data);
        json_decref(progress);
        holm_error_free(error);
        holm_watch_close(watch);
        return;
    }
}

holm_watch *holm_image_pull(holm_client *client, const char *reference,
                            const holm_image_pull_options *options, holm_watch_item item,
                            holm_watch_ended ended, void *data) {
    (void)options;
    holm_watch *watch = fake_watch_new(client, WATCH_PULL, item, ended, data);
    watch->task = json_pack("{s:s}", "subject", reference);
    uv_timer_start(&watch->timer, pull_tick, 20, 100);
    return watch;
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
