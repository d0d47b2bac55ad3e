// Containers, and what is asked of one.
#include <stdio.h>
#include <string.h>

#include "tests/tui/fake/fake_private.h"

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

void holm_container_list(holm_client *client, bool all, json_t *filters, holm_done done, void *data) {
    (void)all;
    (void)filters;
    if (fake_lost())
        fake_reply(client, NULL, fake_loss(), 0, done, data);
    else
        fake_reply(client, json_deep_copy(client->containers), NULL, 0, done, data);
}

static void change(holm_client *client, const char *reference, const char *state, holm_done done,
                   void *data) {
    json_t *item = find(client, reference);
    holm_error *error = NULL;
    if (!item) {
        holm_error_set(&error, HOLM_ERROR_NOT_FOUND, "there is no container %s", reference);
        fake_reply(client, NULL, error, 0, done, data);
        return;
    }
    json_t *status = json_object_get(item, "status");
    json_object_set_new(status, "state", json_string(state));
    if (strcmp(state, "running") == 0) {
        json_object_set_new(status, "startedAt", json_integer(fake_now_ns()));
    } else {
        json_object_set_new(status, "finishedAt", json_integer(fake_now_ns()));
        json_object_set_new(status, "exitCode", json_integer(143));
        json_object_set_new(status, "reason", json_string("signal"));
    }
    fake_reply(client, json_deep_copy(item), NULL, 300, done, data);
    fake_announce(client, "container");
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
    fake_reply(client, json_incref(item), NULL, 0, done, data);
    fake_announce(client, "container");
}

static void set_ports(holm_client *client, json_t *item, json_t *ports, holm_done done, void *data) {
    json_object_set(json_object_get(item, "status"), "ports", ports);
    json_object_set_new(json_object_get(item, "configuration"), "ports", ports);
    fake_reply(client, json_incref(item), NULL, 0, done, data);
    fake_announce(client, "container");
}

void holm_container_publish(holm_client *client, const char *reference, json_t *ports, holm_done done,
                            void *data) {
    json_t *item = find(client, reference), *all = json_array();
    json_array_extend(all, json_object_get(json_object_get(item, "status"), "ports"));
    json_array_extend(all, ports);
    json_decref(ports);
    set_ports(client, item, all, done, data);
}

// All but the one.
void holm_container_unpublish(holm_client *client, const char *reference, json_t *ports, holm_done done,
                              void *data) {
    json_t *item = find(client, reference), *left = json_array(), *port;
    size_t index;
    json_array_foreach (json_object_get(json_object_get(item, "status"), "ports"), index, port)
        if (!json_equal(port, json_array_get(ports, 0)))
            json_array_append(left, port);
    json_decref(ports);
    set_ports(client, item, left, done, data);
}

void holm_container_mount(holm_client *client, const char *reference, json_t *mount, holm_done done,
                          void *data) {
    json_t *item = find(client, reference), *configuration = json_object_get(item, "configuration"), *list;
    const char *key;
    json_object_foreach (mount, key, list) {
        if (!json_object_get(configuration, key))
            json_object_set_new(configuration, key, json_array());
        json_array_extend(json_object_get(configuration, key), list);
    }
    json_decref(mount);
    fake_reply(client, json_incref(item), NULL, 0, done, data);
    fake_announce(client, "container");
}

void holm_container_unmount(holm_client *client, const char *reference, const char *destination, bool force,
                            holm_done done, void *data) {
    json_t *item = find(client, reference), *mount;
    json_t *mounts = json_object_get(json_object_get(item, "configuration"), "mounts");
    size_t index;
    (void)force;
    json_array_foreach (mounts, index, mount)
        if (strcmp(json_string_value(json_object_get(mount, "destination")), destination) == 0) {
            json_array_remove(mounts, index);
            break;
        }
    fake_reply(client, json_incref(item), NULL, 0, done, data);
    fake_announce(client, "container");
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
    fake_reply(client, json_null(), NULL, 100, done, data);
    fake_announce(client, "container");
}

void holm_container_create(holm_client *client, json_t *configuration, holm_done done, void *data) {
    char id[65], name[32];
    snprintf(id, sizeof(id), "%064x", client->next_id);
    snprintf(name, sizeof(name), "made-%d", client->next_id++);
    if (!json_object_get(configuration, "name"))
        json_object_set_new(configuration, "name", json_string(name));
    json_t *document = json_pack("{s:s, s:o, s:{s:s, s:I}}", "id", id, "configuration", configuration,
                                 "status", "state", "running", "createdAt", (json_int_t)fake_now_ns());
    json_object_set_new(json_object_get(document, "status"), "startedAt", json_integer(fake_now_ns()));
    json_array_insert_new(client->containers, 0, document);
    fake_reply(client, json_deep_copy(document), NULL, 0, done, data);
    fake_announce(client, "container");
}

void holm_container_inspect(holm_client *client, const char *reference, holm_done done, void *data) {
    fake_reply(client, json_incref(find(client, reference)), NULL, 0, done, data);
}

void holm_container_wait(holm_client *client, const char *reference, holm_done done, void *data) {
    (void)reference;
    fake_refuse(client, done, data);
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
    fake_reply(client, list, NULL, 0, done, data);
}

void holm_container_folder(holm_client *client, const char *reference, const char *path, holm_done done,
                           void *data) {
    (void)reference;
    (void)path;
    fake_reply(client, fake_folder(fake_now_ns()), NULL, 0, done, data);
}

void holm_container_file(holm_client *client, const char *reference, const char *path, holm_done done,
                         void *data) {
    (void)reference;
    json_t *file = json_pack("{s:s, s:b, s:i, s:i}", "text", "root:x:0:0:root:/root:/bin/sh\n", "binary",
                             (int)(strstr(path, "bash") != NULL), "sizeBytes", 30, "shownBytes", 30);
    fake_reply(client, file, NULL, 0, done, data);
}

void holm_container_sessions(holm_client *client, const char *reference, holm_done done, void *data) {
    (void)reference;
    static const char *const names[] = {"shell-0", "shell-1", "shell-2", "job-1"};
    json_t *left = json_array();
    for (size_t i = 0; i < array_length(names); i++)
        json_array_append_new(left, json_pack("{s:s, s:b, s:b}", "name", names[i], "terminal",
                                              names[i][0] == 's', "running", 1));
    fake_reply(client, left, NULL, 0, done, data);
}

void holm_container_prune(holm_client *client, json_t *filters, holm_done done, void *data) {
    (void)filters;
    for (size_t i = json_array_size(client->containers); i-- > 0;) {
        const json_t *status = json_object_get(json_array_get(client->containers, i), "status");
        if (strcmp(json_string_value(json_object_get(status, "state")), "running") != 0)
            json_array_remove(client->containers, i);
    }
    fake_reply(client, fake_pruned(3 << 20), NULL, 0, done, data);
    fake_announce(client, "container");
}
