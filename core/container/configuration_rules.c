// The keys of a configuration and the types of their values.
#include <string.h>

#include "core/container/configuration_internal.h"

#define MIB          ((json_int_t)1 << 20)
#define MEMORY_LEAST (16 * MIB)
#define MEMORY_MOST  ((json_int_t)1 << 44)
#define LIST_MOST    4096 // entries of one list
#define TEXT_MOST    (128u << 10)

typedef enum kind {
    KIND_TEXT,
    KIND_BOOL,
    KIND_INTEGER,
    KIND_NUMBER,
    KIND_TEXTS,   ///< array of strings
    KIND_PAIRS,   ///< object of strings
    KIND_OBJECTS, ///< array of objects, checked by their own rules
    KIND_OBJECT,
} kind;

typedef struct key_rule {
    const char *key;
    kind kind;
    const struct key_rule *inner; ///< of the object, or of each object
    json_int_t least, most;       ///< of an integer
} key_rule;

static const key_rule rlimit_rules[] = {
    {.key = "name", .kind = KIND_TEXT},
    {.key = "soft", .kind = KIND_INTEGER, .least = -1, .most = INT64_MAX},
    {.key = "hard", .kind = KIND_INTEGER, .least = -1, .most = INT64_MAX},
    {0},
};
static const key_rule tmpfs_rules[] = {
    {.key = "destination", .kind = KIND_TEXT},
    {.key = "options", .kind = KIND_TEXTS},
    {0},
};
static const key_rule mount_rules[] = {
    {.key = "type", .kind = KIND_TEXT},
    {.key = "source", .kind = KIND_TEXT},
    {.key = "destination", .kind = KIND_TEXT},
    {.key = "readOnly", .kind = KIND_BOOL},
    {.key = "createSource", .kind = KIND_BOOL},
    {.key = "noCopy", .kind = KIND_BOOL},
    {0},
};
static const key_rule socket_rules[] = {
    {.key = "source", .kind = KIND_TEXT},
    {.key = "destination", .kind = KIND_TEXT},
    {0},
};
static const key_rule log_rules[] = {
    {.key = "maxBytes", .kind = KIND_INTEGER, .least = 64 << 10, .most = (json_int_t)1 << 40},
    {.key = "maxFiles", .kind = KIND_INTEGER, .least = 1, .most = 100},
    {0},
};
static const key_rule layer_rules[] = {
    {.key = "file", .kind = KIND_TEXT},
    {.key = "digest", .kind = KIND_TEXT},
    {.key = "diffId", .kind = KIND_TEXT},
    {.key = "sizeBytes", .kind = KIND_INTEGER, .most = INT64_MAX},
    {0},
};
static const key_rule resource_rules[] = {
    {.key = "cpus", .kind = KIND_NUMBER},
    {.key = "memoryBytes", .kind = KIND_INTEGER, .least = MEMORY_LEAST, .most = MEMORY_MOST},
    {.key = "shmBytes", .kind = KIND_INTEGER, .most = MEMORY_MOST},
    {.key = "processCount", .kind = KIND_INTEGER, .most = INT32_MAX},
    {.key = "memoryPriority", .kind = KIND_TEXT},
    {0},
};
static const key_rule dns_rules[] = {
    {.key = "none", .kind = KIND_BOOL},      {.key = "nameservers", .kind = KIND_TEXTS},
    {.key = "searches", .kind = KIND_TEXTS}, {.key = "options", .kind = KIND_TEXTS},
    {.key = "domain", .kind = KIND_TEXT},    {0},
};
static const key_rule host_rules[] = {
    {.key = "address", .kind = KIND_TEXT},
    {.key = "names", .kind = KIND_TEXTS},
    {0},
};
static const key_rule network_rules[] = {
    {.key = "name", .kind = KIND_TEXT},      {.key = "aliases", .kind = KIND_TEXTS},
    {.key = "addressV6", .kind = KIND_TEXT}, {.key = "address", .kind = KIND_TEXT},
    {.key = "mac", .kind = KIND_TEXT},       {0},
};
static const key_rule port_rules[] = {
    {.key = "hostAddress", .kind = KIND_TEXT},
    {.key = "hostPort", .kind = KIND_INTEGER, .most = UINT16_MAX},
    {.key = "containerPort", .kind = KIND_INTEGER, .least = 1, .most = UINT16_MAX},
    {.key = "protocol", .kind = KIND_TEXT},
    {0},
};
static const key_rule restart_rules[] = {
    {.key = "policy", .kind = KIND_TEXT},
    {.key = "maximumRetries", .kind = KIND_INTEGER, .most = INT32_MAX},
    {0},
};
static const key_rule health_rules[] = {
    {.key = "command", .kind = KIND_TEXTS},
    {.key = "intervalMs", .kind = KIND_INTEGER, .most = INT32_MAX},
    {.key = "timeoutMs", .kind = KIND_INTEGER, .most = INT32_MAX},
    {.key = "startPeriodMs", .kind = KIND_INTEGER, .most = INT32_MAX},
    {.key = "startIntervalMs", .kind = KIND_INTEGER, .most = INT32_MAX},
    {.key = "retries", .kind = KIND_INTEGER, .most = 1000},
    {0},
};
static const key_rule process_rules[] = {
    {.key = "arguments", .kind = KIND_TEXTS},
    {.key = "entrypoint", .kind = KIND_TEXTS},
    {.key = "command", .kind = KIND_TEXTS},
    {.key = "environment", .kind = KIND_TEXTS},
    {.key = "unsetEnvironment", .kind = KIND_TEXTS},
    {.key = "directory", .kind = KIND_TEXT},
    {.key = "user", .kind = KIND_TEXT},
    {.key = "additionalGroups", .kind = KIND_TEXTS},
    {.key = "terminal", .kind = KIND_BOOL},
    {.key = "stdinOpen", .kind = KIND_BOOL},
    {.key = "noNewPrivileges", .kind = KIND_BOOL},
    {.key = "capabilitiesAdd", .kind = KIND_TEXTS},
    {.key = "capabilitiesDrop", .kind = KIND_TEXTS},
    {.key = "rlimits", .kind = KIND_OBJECTS, .inner = rlimit_rules},
    {0},
};
static const key_rule configuration_rules[] = {
    {.key = "name", .kind = KIND_TEXT},
    {.key = "image", .kind = KIND_TEXT},
    {.key = "imageId", .kind = KIND_TEXT},
    {.key = "platform", .kind = KIND_TEXT},
    {.key = "layers", .kind = KIND_OBJECTS, .inner = layer_rules},
    {.key = "process", .kind = KIND_OBJECT, .inner = process_rules},
    {.key = "unsetEnvironment", .kind = KIND_TEXTS},
    {.key = "hostname", .kind = KIND_TEXT},
    {.key = "domainname", .kind = KIND_TEXT},
    {.key = "resources", .kind = KIND_OBJECT, .inner = resource_rules},
    {.key = "readOnly", .kind = KIND_BOOL},
    {.key = "init", .kind = KIND_BOOL},
    {.key = "removeOnExit", .kind = KIND_BOOL},
    {.key = "privileged", .kind = KIND_BOOL},
    {.key = "tmpfs", .kind = KIND_OBJECTS, .inner = tmpfs_rules},
    {.key = "mounts", .kind = KIND_OBJECTS, .inner = mount_rules},
    {.key = "sockets", .kind = KIND_OBJECTS, .inner = socket_rules},
    {.key = "ssh", .kind = KIND_BOOL},
    {.key = "sysctls", .kind = KIND_PAIRS},
    {.key = "labels", .kind = KIND_PAIRS},
    {.key = "networks", .kind = KIND_OBJECTS, .inner = network_rules},
    {.key = "ports", .kind = KIND_OBJECTS, .inner = port_rules},
    {.key = "publishAll", .kind = KIND_BOOL},
    {.key = "dns", .kind = KIND_OBJECT, .inner = dns_rules},
    {.key = "hosts", .kind = KIND_OBJECTS, .inner = host_rules},
    {.key = "stopSignal", .kind = KIND_INTEGER, .least = 1, .most = 64},
    {.key = "stopTimeoutMs", .kind = KIND_INTEGER, .most = UINT32_MAX},
    {.key = "detachKeys", .kind = KIND_TEXT},
    {.key = "log", .kind = KIND_OBJECT, .inner = log_rules},
    {.key = "healthcheck", .kind = KIND_OBJECT, .inner = health_rules},
    {.key = "restart", .kind = KIND_OBJECT, .inner = restart_rules},
    {.key = "diskBytes", .kind = KIND_INTEGER, .least = 16 * MIB, .most = (json_int_t)1 << 46},
    {0},
};

bool configuration_text_fits(const json_t *value) {
    return json_is_string(value) && json_string_length(value) <= TEXT_MOST &&
           strlen(json_string_value(value)) == json_string_length(value);
}

// An array or an object of strings.
bool configuration_texts_fit(json_t *value) {
    const char *key;
    json_t *item;
    size_t index;
    bool fit = (json_is_array(value) ? json_array_size(value) : json_object_size(value)) <= LIST_MOST;
    json_array_foreach (value, index, item)
        fit = fit && configuration_text_fits(item);
    json_object_foreach (value, key, item)
        fit = fit && configuration_text_fits(item);
    return fit;
}

static int check_object(const json_t *object, const key_rule *rules, const char *where, holm_error **error);

static bool value_fits(json_t *value, const key_rule *rule, const char *path, holm_error **error) {
    size_t index;
    json_t *item;
    switch (rule->kind) {
    case KIND_TEXT:
        return configuration_text_fits(value);
    case KIND_BOOL:
        return json_is_boolean(value);
    case KIND_INTEGER:
        return json_is_integer(value) && json_integer_value(value) >= rule->least &&
               json_integer_value(value) <= rule->most;
    case KIND_NUMBER:
        return json_is_number(value);
    case KIND_TEXTS:
        return json_is_array(value) && configuration_texts_fit(value);
    case KIND_PAIRS:
        return json_is_object(value) && configuration_texts_fit(value);
    case KIND_OBJECT:
        return json_is_object(value) && check_object(value, rule->inner, path, error) == 0;
    case KIND_OBJECTS:
        if (!json_is_array(value) || json_array_size(value) > LIST_MOST)
            return false;
        json_array_foreach (value, index, item) {
            if (!json_is_object(item) || check_object(item, rule->inner, path, error) < 0)
                return false;
        }
        return true;
    }
    return false;
}

static void fail_value(const json_t *value, const key_rule *rule, const char *path, holm_error **error) {
    if (rule->kind == KIND_INTEGER && json_is_integer(value))
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "the value of \"%s\" is to be between %lld and %lld, and %lld is not", path,
                       (long long)rule->least, (long long)rule->most, (long long)json_integer_value(value));
    else
        holm_error_set(error, HOLM_ERROR_INVALID, "the value of \"%s\" has the wrong type or is out of range",
                       path);
}

static int check_object(const json_t *object, const key_rule *rules, const char *where, holm_error **error) {
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)object, key, value) {
        const key_rule *rule = rules;
        while (rule->key && strcmp(rule->key, key) != 0)
            rule++;
        cleanup_free char *path = NULL;
        if (asprintf(&path, "%s%s%s", where, *where ? "." : "", key) < 0)
            abort();
        if (!rule->key) {
            holm_error_set(error, HOLM_ERROR_INVALID, "the container's configuration has no key \"%s\"",
                           path);
            return -1;
        }
        holm_error *inner = NULL;
        if (!value_fits(value, rule, path, &inner)) {
            if (!inner)
                fail_value(value, rule, path, &inner);
            holm_error_propagate(error, inner);
            return -1;
        }
    }
    return 0;
}

int configuration_check_types(const json_t *request, holm_error **error) {
    return check_object(request, configuration_rules, "", error);
}
