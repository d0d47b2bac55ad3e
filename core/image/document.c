// The image document of state.db, from a hostile configuration: only what is of the right type gets in.
#include <string.h>

#include "core/image/manifest.h"

#define TEXT_MAX    (128u << 10) ///< what the kernel takes as one argument or environment string
#define LIST_MAX    4096
#define HISTORY_MAX 512

static json_t *text_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value) || json_string_length(value) >= TEXT_MAX)
        return NULL;
    return json_string(json_string_value(value));
}

static void copy_text(json_t *to, const char *name, const json_t *from, const char *key) {
    json_t *text = text_of(from, key);
    if (text && json_string_length(text) > 0)
        json_object_set(to, name, text);
    json_decref(text);
}

static void copy_list(json_t *to, const char *name, const json_t *from, const char *key) {
    const json_t *list = json_object_get(from, key);
    json_t *copy = json_array();
    size_t i;
    json_t *value;
    json_array_foreach (list, i, value) {
        if (json_is_string(value) && json_string_length(value) < TEXT_MAX && i < LIST_MAX)
            json_array_append(copy, value);
    }
    json_object_set_new(to, name, copy);
}

// {"80/tcp": {}} as ["80/tcp"].
static void copy_keys(json_t *to, const char *name, const json_t *from, const char *key) {
    json_t *copy = json_array();
    const char *member;
    json_t *value;
    json_object_foreach (json_object_get(from, key), member, value) {
        if (json_array_size(copy) < LIST_MAX)
            json_array_append_new(copy, json_string(member));
    }
    json_object_set_new(to, name, copy);
}

static json_t *copy_labels(const json_t *from) {
    json_t *copy = json_object();
    const char *key;
    json_t *value;
    json_object_foreach (json_object_get(from, "Labels"), key, value) {
        if (json_is_string(value) && json_string_length(value) < TEXT_MAX &&
            json_object_size(copy) < LIST_MAX)
            json_object_set(copy, key, value);
    }
    return copy;
}

// Docker counts in nanoseconds; what does not fit is left out, and the defaults hold.
static void copy_milliseconds(json_t *to, const char *name, const json_t *from, const char *key) {
    json_int_t nanoseconds = json_integer_value(json_object_get(from, key));
    if (nanoseconds >= 1000000 && nanoseconds / 1000000 <= INT32_MAX)
        json_object_set_new(to, name, json_integer(nanoseconds / 1000000));
}

static void copy_healthcheck(json_t *configuration, const json_t *from) {
    const json_t *check = json_object_get(from, "Healthcheck");
    json_int_t retries = json_integer_value(json_object_get(check, "Retries"));
    if (!json_is_array(json_object_get(check, "Test")))
        return;
    json_t *copy = json_object();
    copy_list(copy, "command", check, "Test");
    copy_milliseconds(copy, "intervalMs", check, "Interval");
    copy_milliseconds(copy, "timeoutMs", check, "Timeout");
    copy_milliseconds(copy, "startPeriodMs", check, "StartPeriod");
    copy_milliseconds(copy, "startIntervalMs", check, "StartInterval");
    if (retries > 0 && retries <= 1000)
        json_object_set_new(copy, "retries", json_integer(retries));
    json_object_set_new(configuration, "healthcheck", copy);
}

static json_t *configuration_of(const manifest_config *config) {
    const json_t *from = json_object_get(config->document, "config");
    json_t *process = json_object();
    copy_list(process, "entrypoint", from, "Entrypoint");
    copy_list(process, "command", from, "Cmd");
    copy_list(process, "environment", from, "Env");
    copy_text(process, "directory", from, "WorkingDir");
    copy_text(process, "user", from, "User");
    json_t *configuration = json_object();
    cleanup_free char *platform = manifest_platform_text(&config->platform);
    json_object_set_new(configuration, "references", json_array());
    json_object_set_new(configuration, "platform", json_string(platform));
    json_object_set_new(configuration, "process", process);
    copy_text(configuration, "stopSignal", from, "StopSignal");
    json_object_set_new(configuration, "labels", copy_labels(from));
    copy_keys(configuration, "exposedPorts", from, "ExposedPorts");
    copy_keys(configuration, "volumes", from, "Volumes");
    copy_healthcheck(configuration, from);
    return configuration;
}

static json_t *history_of(const manifest_config *config) {
    json_t *history = json_array();
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(config->document, "history"), i, entry) {
        if (i >= HISTORY_MAX || !json_is_object(entry))
            continue;
        json_t *copy = json_object();
        copy_text(copy, "createdAt", entry, "created");
        copy_text(copy, "createdBy", entry, "created_by");
        copy_text(copy, "comment", entry, "comment");
        if (json_is_true(json_object_get(entry, "empty_layer")))
            json_object_set_new(copy, "emptyLayer", json_true());
        json_array_append_new(history, copy);
    }
    return history;
}

json_t *manifest_document(const char *id, const manifest *image, const manifest_config *config,
                          const char *config_digest, const manifest_layer_result *unpacked) {
    json_t *layers = json_array();
    uint64_t total = 0;
    for (size_t i = 0; i < image->layer_count; i++) {
        const manifest_descriptor *layer = &image->layers[i];
        json_t *entry =
            json_pack("{s:s, s:s, s:s, s:I}", "digest", layer->digest, "mediaType", layer->media_type,
                      "diffId", config->diff_ids[i], "sizeBytes", (json_int_t)layer->size);
        total += unpacked[i].file ? unpacked[i].unpacked_bytes : layer->size;
        if (unpacked[i].file) {
            json_object_set_new(entry, "file", json_string(unpacked[i].file));
            json_object_set_new(entry, "unpackedBytes", json_integer((json_int_t)unpacked[i].unpacked_bytes));
        }
        json_array_append_new(layers, entry);
    }
    json_t *status = json_object();
    copy_text(status, "createdAt", config->document, "created");
    json_object_set_new(status, "configDigest", json_string(config_digest));
    json_object_set_new(status, "mediaType", json_string(image->media_type));
    json_object_set_new(status, "layers", layers);
    json_object_set_new(status, "sizeBytes", json_integer((json_int_t)total));
    json_object_set_new(status, "history", history_of(config));
    return json_pack("{s:s, s:o, s:o}", "id", id, "configuration", configuration_of(config), "status",
                     status);
}

// ---- several platforms ----

void manifest_index_platforms(const manifest *index, json_t *list) {
    for (size_t i = 0; i < index->entry_count; i++) {
        const manifest_index_entry *entry = &index->entries[i];
        if (!entry->platform.os || entry->attestation || strcmp(entry->platform.os, "unknown") == 0)
            continue;
        cleanup_free char *platform = manifest_platform_text(&entry->platform);
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "digest", entry->descriptor.digest, "platform", platform));
    }
}
