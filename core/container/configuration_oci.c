// The configuration in the OCI runtime form (runtime-spec 1.1.0, config.md and config-linux.md).
#include <string.h>

#include "core/container/configuration.h"

static json_t *oci_rlimits(const json_t *rlimits) {
    json_t *list = json_array(), *item;
    size_t index;
    json_array_foreach (rlimits, index, item) {
        cleanup_free char *type = NULL;
        if (asprintf(&type, "RLIMIT_%s", json_string_value(json_object_get(item, "name"))) < 0)
            abort();
        for (char *at = type; *at; at++)
            if (*at >= 'a' && *at <= 'z')
                *at = (char)(*at - 'a' + 'A');
        json_array_append_new(list, json_pack("{s:s, s:O, s:O}", "type", type, "soft",
                                              json_object_get(item, "soft"), "hard",
                                              json_object_get(item, "hard")));
    }
    return list;
}

static json_t *oci_process(const json_t *process) {
    const char *directory = json_string_value(json_object_get(process, "directory"));
    json_t *user = json_object();
    const char *name = json_string_value(json_object_get(process, "user"));
    char *end = NULL;
    unsigned long uid = name && *name ? strtoul(name, &end, 10) : 0;
    bool numeric = !name || !*name || (end && end != name && (*end == 0 || *end == ':'));
    json_object_set_new(user, "uid", json_integer(numeric ? (json_int_t)uid : 0));
    json_object_set_new(user, "gid", json_integer(0));
    if (!numeric)
        json_object_set_new(user, "username", json_string(name));
    return json_pack("{s:O, s:O, s:O, s:s, s:o, s:O, s:o}", "args", json_object_get(process, "arguments"),
                     "env", json_object_get(process, "environment"), "terminal",
                     json_object_get(process, "terminal"), "cwd", directory && *directory ? directory : "/",
                     "user", user, "noNewPrivileges", json_object_get(process, "noNewPrivileges"), "rlimits",
                     oci_rlimits(json_object_get(process, "rlimits")));
}

static json_t *oci_mounts(const json_t *configuration) {
    json_t *mounts =
        json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}, {s:s, s:s, s:s}]", "destination", "/proc", "type",
                  "proc", "source", "proc", "destination", "/sys", "type", "sysfs", "source", "sysfs",
                  "destination", "/dev/shm", "type", "tmpfs", "source", "shm");
    json_t *item;
    size_t index;
    json_array_foreach (json_object_get(configuration, "tmpfs"), index, item) {
        json_t *options = json_object_get(item, "options");
        json_array_append_new(mounts,
                              json_pack("{s:O, s:s, s:s, s:o}", "destination",
                                        json_object_get(item, "destination"), "type", "tmpfs", "source",
                                        "tmpfs", "options", options ? json_incref(options) : json_array()));
    }
    return mounts;
}

json_t *configuration_to_oci(const json_t *configuration, const char *id) {
    const json_t *given = json_object_get(configuration, "resources");
    double cpus = json_number_value(json_object_get(given, "cpus"));
    json_t *resources =
        json_pack("{s:{s:O}, s:{s:I, s:I}}", "memory", "limit", json_object_get(given, "memoryBytes"), "cpu",
                  "quota", (json_int_t)(cpus * 100000), "period", (json_int_t)100000);
    json_t *namespaces = json_pack("[{s:s}, {s:s}, {s:s}, {s:s}, {s:s}]", "type", "pid", "type", "ipc",
                                   "type", "uts", "type", "mount", "type", "cgroup");
    return json_pack("{s:s, s:o, s:{s:s, s:O}, s:O, s:o, s:{s:O, s:o, s:o}, s:{s:s}, s:O}", "ociVersion",
                     "1.1.0", "process", oci_process(json_object_get(configuration, "process")), "root",
                     "path", "rootfs", "readonly", json_object_get(configuration, "readOnly"), "hostname",
                     json_object_get(configuration, "hostname"), "mounts", oci_mounts(configuration), "linux",
                     "sysctl", json_object_get(configuration, "sysctls"), "resources", resources,
                     "namespaces", namespaces, "annotations", "holm.id", id, "holm", configuration);
}
