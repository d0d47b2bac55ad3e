#include "core/container/configuration.h"

#include <ctype.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "core/container/configuration_internal.h"
#include "core/container/health.h"
#include "core/container/restart.h"

#define MIB                  ((json_int_t)1 << 20)
#define DEFAULT_CPUS         4.0
#define DEFAULT_MEMORY       (1024 * MIB)
#define DEFAULT_SHM          (64 * MIB)
#define DEFAULT_LOG_BYTES    (8 * MIB)
#define DEFAULT_LOG_FILES    3
#define DEFAULT_DISK         ((json_int_t)128 << 30)
#define DEFAULT_STOP_TIMEOUT 10000
#define HOST_NAME            "host.holm.internal"
#define NAME_MOST            63

static const char default_path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// ---- defaults ----

static void set_default(json_t *object, const char *key, json_t *value) {
    if (json_object_get(object, key))
        json_decref(value);
    else
        json_object_set_new(object, key, value);
}

static json_t *copy_or_empty(const json_t *array) {
    return json_is_array(array) ? json_deep_copy(array) : json_array();
}

static size_t key_length(const char *entry) {
    const char *equals = strchr(entry, '=');
    return equals ? (size_t)(equals - entry) : strlen(entry);
}

// Later entries replace earlier ones with the same key, in their place.
static void environment_add(json_t *environment, const char *entry) {
    size_t length = key_length(entry), index;
    json_t *old;
    json_array_foreach (environment, index, old) {
        const char *text = json_string_value(old);
        if (key_length(text) == length && strncmp(text, entry, length) == 0) {
            json_array_set_new(environment, index, json_string(entry));
            return;
        }
    }
    json_array_append_new(environment, json_string(entry));
}

static void environment_merge(json_t *environment, const json_t *more) {
    size_t index;
    json_t *entry;
    json_array_foreach ((json_t *)more, index, entry) {
        if (configuration_text_fits(entry))
            environment_add(environment, json_string_value(entry));
    }
}

static void environment_remove(json_t *environment, const json_t *names) {
    size_t index;
    json_t *name;
    json_array_foreach (names, index, name) {
        const char *key = json_string_value(name);
        for (size_t i = json_array_size(environment); i-- > 0;) {
            const char *entry = json_string_value(json_array_get(environment, i));
            if (key_length(entry) == strlen(key) && strncmp(entry, key, strlen(key)) == 0)
                json_array_remove(environment, i);
        }
    }
}

static int complete_arguments(json_t *whole, json_t *process, const json_t *image_process,
                              holm_error **error) {
    json_t *entrypoint = json_object_get(process, "entrypoint");
    json_t *command = json_object_get(process, "command");
    if (!json_object_get(process, "arguments")) {
        json_t *arguments =
            copy_or_empty(entrypoint ? entrypoint : json_object_get(image_process, "entrypoint"));
        if (!command && !entrypoint)
            command = json_object_get(image_process, "command");
        if (json_is_array(command))
            json_array_extend(arguments, command);
        json_object_set_new(process, "arguments", arguments);
    }
    json_object_del(process, "entrypoint");
    json_object_del(process, "command");
    json_t *arguments = json_object_get(process, "arguments");
    if (!configuration_texts_fit(arguments)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the image's command is not a list of strings");
        return -1;
    }
    if (json_array_size(arguments) == 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no command: the image %s has none of its own",
                       json_string_value(json_object_get(whole, "image")));
        holm_error_hint(error, "name one after the image");
        return -1;
    }
    return 0;
}

static const char *text_or(const json_t *object, const char *key, const char *otherwise) {
    json_t *value = json_object_get(object, key);
    return configuration_text_fits(value) ? json_string_value(value) : otherwise;
}

static int complete_process(json_t *whole, const json_t *image_process,
                            const configuration_defaults *defaults, holm_error **error) {
    json_t *process = json_object_get(whole, "process");
    if (!process)
        json_object_set_new(whole, "process", process = json_object());
    if (complete_arguments(whole, process, image_process, error) < 0)
        return -1;
    json_t *environment = json_array();
    environment_add(environment, default_path);
    for (size_t i = 0; defaults->environment && defaults->environment[i]; i++)
        environment_add(environment, defaults->environment[i]);
    environment_merge(environment, json_object_get(image_process, "environment"));
    environment_remove(environment, json_object_get(process, "unsetEnvironment"));
    environment_remove(environment, json_object_get(whole, "unsetEnvironment"));
    if (json_is_true(json_object_get(whole, "ssh")))
        environment_add(environment, "SSH_AUTH_SOCK=" CONFIGURATION_SSH_SOCKET);
    environment_merge(environment, json_object_get(process, "environment"));
    json_object_del(process, "unsetEnvironment");
    json_object_del(whole, "unsetEnvironment");
    json_object_set_new(process, "environment", environment);
    set_default(process, "directory", json_string(text_or(image_process, "directory", "/")));
    set_default(process, "user", json_string(text_or(image_process, "user", "")));
    static const char *const flags[] = {"terminal", "stdinOpen", "noNewPrivileges"};
    for (size_t i = 0; i < array_length(flags); i++)
        set_default(process, flags[i], json_false());
    static const char *const lists[] = {"additionalGroups", "capabilitiesAdd", "capabilitiesDrop", "rlimits"};
    for (size_t i = 0; i < array_length(lists); i++)
        set_default(process, lists[i], json_array());
    return 0;
}

static unsigned cpus_of_host(const configuration_defaults *defaults) {
    cpu_set_t allowed;
    if (defaults->host_cpus)
        return defaults->host_cpus;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? (unsigned)CPU_COUNT(&allowed) : 1;
}

static int complete_resources(json_t *whole, const configuration_defaults *defaults, holm_error **error) {
    json_t *resources = json_object_get(whole, "resources");
    if (!resources)
        json_object_set_new(whole, "resources", resources = json_object());
    unsigned host = cpus_of_host(defaults);
    json_t *asked = json_object_get(resources, "cpus");
    double cpus = asked ? json_number_value(asked) : defaults->cpus > 0 ? defaults->cpus : DEFAULT_CPUS;
    if (!isfinite(cpus) || cpus < 0.01) {
        holm_error_set(error, HOLM_ERROR_INVALID, "%g CPUs are too few for a container", cpus);
        return -1;
    }
    json_object_set_new(resources, "cpus", json_real(cpus > host ? host : cpus));
    json_int_t memory = defaults->memory_bytes ? (json_int_t)defaults->memory_bytes : DEFAULT_MEMORY;
    set_default(resources, "memoryBytes", json_integer(memory));
    set_default(resources, "shmBytes", json_integer(DEFAULT_SHM));
    set_default(resources, "processCount", json_integer(0));
    set_default(resources, "memoryPriority", json_string("normal"));
    return 0;
}

static bool name_valid(const char *name) {
    if (!isalnum((unsigned char)name[0]) || strlen(name) > NAME_MOST)
        return false;
    for (const char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("_.-", *at))
            return false;
    return true;
}

static int complete_names(json_t *whole, const char *id, holm_error **error) {
    cleanup_free char *short_id = strndup(id, 12);
    set_default(whole, "name", json_string(short_id));
    set_default(whole, "hostname", json_string(short_id));
    const char *name = json_string_value(json_object_get(whole, "name"));
    const char *hostname = json_string_value(json_object_get(whole, "hostname"));
    if (!name_valid(name)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" cannot be the name of a container", name);
        holm_error_hint(error, "letters, digits and _ . - are possible, at most %d, a letter or digit first",
                        NAME_MOST);
        return -1;
    }
    if (!configuration_hostname_valid(hostname)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" cannot be a host name", hostname);
        return -1;
    }
    return 0;
}

int configuration_signal(const char *name) {
    if (isdigit((unsigned char)name[0])) {
        char *end;
        long number = strtol(name, &end, 10);
        return *end == 0 && number >= 1 && number <= 64 ? (int)number : 0;
    }
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (int number = 1; number < NSIG; number++) {
        const char *known = sigabbrev_np(number);
        if (known && strcasecmp(known, name) == 0)
            return number;
    }
    if (strncasecmp(name, "RTMIN+", 6) == 0 && isdigit((unsigned char)name[6]) && atoi(name + 6) <= 30)
        return 34 + atoi(name + 6);
    return 0;
}

static void complete_rest(json_t *whole, const json_t *image_configuration,
                          const configuration_defaults *defaults) {
    json_t *labels = json_is_object(json_object_get(image_configuration, "labels"))
                         ? json_copy(json_object_get(image_configuration, "labels"))
                         : json_object();
    json_object_update(labels, json_object_get(whole, "labels"));
    json_object_set_new(whole, "labels", labels);
    set_default(whole, "platform", json_string(text_or(image_configuration, "platform", "linux/amd64")));
    int signal_number = configuration_signal(text_or(image_configuration, "stopSignal", "TERM"));
    set_default(whole, "stopSignal", json_integer(signal_number ? signal_number : SIGTERM));
    set_default(whole, "stopTimeoutMs", json_integer(DEFAULT_STOP_TIMEOUT));
    static const char *const flags[] = {"readOnly", "init", "removeOnExit", "privileged"};
    for (size_t i = 0; i < array_length(flags); i++)
        set_default(whole, flags[i], json_false());
    set_default(whole, "tmpfs", json_array());
    set_default(whole, "mounts", json_array());
    set_default(whole, "sysctls", json_object());
    set_default(whole, "diskBytes",
                json_integer(defaults->disk_bytes ? (json_int_t)defaults->disk_bytes : DEFAULT_DISK));
    if (defaults->host_loopback && json_array_size(json_object_get(whole, "networks")) > 0 &&
        !configuration_reaches_host(whole)) {
        set_default(whole, "hosts", json_array());
        json_array_append_new(json_object_get(whole, "hosts"),
                              json_pack("{s:s, s:[s]}", "address", CONFIGURATION_HOST, "names", HOST_NAME));
    }
    json_t *log = json_object_get(whole, "log");
    if (!log)
        json_object_set_new(whole, "log", log = json_object());
    set_default(
        log, "maxBytes",
        json_integer(defaults->log_max_bytes ? (json_int_t)defaults->log_max_bytes : DEFAULT_LOG_BYTES));
    set_default(log, "maxFiles",
                json_integer(defaults->log_max_files ? defaults->log_max_files : DEFAULT_LOG_FILES));
}

static int complete_image(json_t *whole, const json_t *image, holm_error **error) {
    const char *id = text_or(image, "id", NULL);
    json_t *layers = json_object_get(json_object_get(image, "status"), "layers"), *layer;
    json_t *files = json_array();
    size_t index;
    json_array_foreach (layers, index, layer) {
        const char *file = text_or(layer, "file", NULL);
        if (!file || strchr(file, '/') || file[0] == '.')
            continue;
        json_t *kept = json_pack("{s:s}", "file", file);
        static const char *const keys[] = {"digest", "diffId", "sizeBytes"};
        for (size_t i = 0; i < array_length(keys); i++)
            if (json_object_get(layer, keys[i]))
                json_object_set(kept, keys[i], json_object_get(layer, keys[i]));
        json_array_append_new(files, kept);
    }
    json_object_set_new(whole, "layers", files);
    if (!id || !json_is_string(json_object_get(whole, "image")) ||
        json_array_size(files) != json_array_size(layers)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the image of the container is not known");
        return -1;
    }
    json_object_set_new(whole, "imageId", json_string(id));
    return 0;
}

json_t *configuration_complete(const json_t *request, const json_t *image, const char *id,
                               const configuration_defaults *defaults, holm_error **error) {
    static const configuration_defaults none;
    if (!defaults)
        defaults = &none;
    if (!json_is_object(request)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the container's configuration is not an object");
        return NULL;
    }
    if (configuration_check_types(request, error) < 0 || configuration_check(request, error) < 0)
        return NULL;
    json_t *whole = json_deep_copy(request);
    const json_t *image_configuration = json_object_get(image, "configuration");
    if (complete_image(whole, image, error) < 0 ||
        complete_process(whole, json_object_get(image_configuration, "process"), defaults, error) < 0 ||
        complete_names(whole, id, error) < 0 || configuration_complete_networks(whole, error) < 0 ||
        complete_resources(whole, defaults, error) < 0 || restart_complete(whole, error) < 0 ||
        health_complete(whole, image_configuration, error) < 0) {
        json_decref(whole);
        return NULL;
    }
    complete_rest(whole, image_configuration, defaults);
    if (configuration_complete_ports(whole, image_configuration, defaults->publish_address, error) < 0) {
        json_decref(whole);
        return NULL;
    }
    return whole;
}
