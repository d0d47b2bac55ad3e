// What can be known to be wrong with a configuration before there is a machine for it: better said at once.
#include <arpa/inet.h>
#include <string.h>

#include "core/base/privilege.h"
#include "core/container/configuration.h"
#include "core/container/published_socket.h"

static int check_capabilities(const json_t *process, const char *key, holm_error **error) {
    size_t index;
    json_t *item;
    json_array_foreach (json_object_get(process, key), index, item) {
        const char *name = json_string_value(item);
        if (capability_is_all(name) || capability_number(name) >= 0)
            continue;
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no capability \"%.40s\"", name);
        holm_error_hint(error, "capabilities(7) lists them, and ALL is every one");
        return -1;
    }
    return 0;
}

static int check_rlimits(const json_t *process, holm_error **error) {
    size_t index;
    json_t *item;
    json_array_foreach (json_object_get(process, "rlimits"), index, item) {
        const char *name = json_string_value(json_object_get(item, "name"));
        // -1 is unlimited, and with that the largest of all.
        json_int_t soft = json_integer_value(json_object_get(item, "soft"));
        json_int_t hard = json_integer_value(json_object_get(item, "hard"));
        if (!name || rlimit_number(name) < 0) {
            holm_error_set(error, HOLM_ERROR_INVALID, "there is no resource limit \"%.40s\"",
                           name ? name : "");
            holm_error_hint(
                error, "they are those of getrlimit(2) in small letters: nofile, nproc, core, memlock …");
            return -1;
        }
        if ((uint64_t)soft > (uint64_t)hard) {
            holm_error_set(error, HOLM_ERROR_INVALID, "the soft limit of %s is above its hard limit", name);
            return -1;
        }
    }
    return 0;
}

static int check_absolute(const char *what, const char *path, holm_error **error) {
    if (path && path[0] == '/')
        return 0;
    holm_error_set(error, HOLM_ERROR_INVALID, "%s \"%.200s\" is not an absolute path", what,
                   path ? path : "");
    return -1;
}

static int check_paths(const json_t *request, const json_t *process, holm_error **error) {
    size_t index;
    json_t *item;
    const char *directory = json_string_value(json_object_get(process, "directory"));
    if (directory && directory[0] && check_absolute("the working directory", directory, error) < 0)
        return -1;
    json_array_foreach (json_object_get(request, "tmpfs"), index, item) {
        const char *path = json_string_value(json_object_get(item, "destination"));
        if (check_absolute("the place of the file system in memory", path, error) < 0)
            return -1;
    }
    return 0;
}

static int check_mounts(const json_t *request, holm_error **error) {
    const json_t *mounts = json_object_get(request, "mounts");
    size_t index;
    json_t *item;
    if (json_array_size(mounts) > CONFIGURATION_MOUNTS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a container can have %d mounts, not %zu",
                       CONFIGURATION_MOUNTS_MOST, json_array_size(mounts));
        return -1;
    }
    json_array_foreach (mounts, index, item) {
        const char *type = json_string_value(json_object_get(item, "type"));
        const char *path = json_string_value(json_object_get(item, "destination"));
        bool bind = type && strcmp(type, "bind") == 0;
        if (!type || (!bind && strcmp(type, "volume") != 0)) {
            holm_error_set(error, HOLM_ERROR_INVALID, "there are no mounts of the type \"%.40s\"",
                           type ? type : "");
            holm_error_hint(error, "what can be mounted is a volume, or a folder or file of the host (bind)");
            return -1;
        }
        if (check_absolute(bind ? "the place of the mount" : "the place of the volume", path, error) < 0 ||
            (bind && check_absolute("the host's folder", json_string_value(json_object_get(item, "source")),
                                    error) < 0))
            return -1;
    }
    return 0;
}

static int check_memory_priority(const json_t *request, holm_error **error) {
    static const char *const known[] = {"low", "normal", "high"};
    const char *name =
        json_string_value(json_object_get(json_object_get(request, "resources"), "memoryPriority"));
    for (size_t i = 0; i < array_length(known); i++)
        if (!name || strcmp(known[i], name) == 0)
            return 0;
    holm_error_set(error, HOLM_ERROR_INVALID, "the priority of memory is low, normal or high, not \"%.40s\"",
                   name);
    return -1;
}

static int check_sockets(const json_t *request, holm_error **error) {
    const json_t *sockets = json_object_get(request, "sockets");
    size_t index;
    json_t *item;
    if (json_array_size(sockets) > PUBLISHED_SOCKETS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a container can have %d sockets published, not %zu",
                       PUBLISHED_SOCKETS_MOST, json_array_size(sockets));
        return -1;
    }
    json_array_foreach (sockets, index, item) {
        const char *source = json_string_value(json_object_get(item, "source"));
        const char *destination = json_string_value(json_object_get(item, "destination"));
        if (check_absolute("the socket of the host", source, error) < 0 ||
            check_absolute("the socket of the container", destination, error) < 0)
            return -1;
        if (strlen(source) > PUBLISHED_PATH_MOST) {
            holm_error_set(error, HOLM_ERROR_LIMIT, "the path of a socket has at most %d bytes: %s",
                           PUBLISHED_PATH_MOST, source);
            return -1;
        }
    }
    return 0;
}

static int check_dns(const json_t *request, holm_error **error) {
    const json_t *dns = json_object_get(request, "dns");
    if (!json_is_true(json_object_get(dns, "none")) || json_object_size(dns) == 1)
        return 0;
    holm_error_set(error, HOLM_ERROR_INVALID,
                   "a container whose resolv.conf is left alone has no name servers");
    return -1;
}

static int check_hosts(const json_t *request, holm_error **error) {
    size_t index;
    json_t *item;
    json_array_foreach (json_object_get(request, "hosts"), index, item) {
        const char *address = json_string_value(json_object_get(item, "address"));
        uint8_t bytes[16];
        if (address && (strcmp(address, CONFIGURATION_HOST) == 0 || inet_pton(AF_INET, address, bytes) == 1 ||
                        inet_pton(AF_INET6, address, bytes) == 1))
            continue;
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%.60s\" is no address for a host",
                       address ? address : "");
        holm_error_hint(error, CONFIGURATION_HOST " is that of this machine");
        return -1;
    }
    return 0;
}

int configuration_check(const json_t *request, holm_error **error) {
    const json_t *process = json_object_get(request, "process");
    return check_capabilities(process, "capabilitiesAdd", error) < 0 ||
                   check_capabilities(process, "capabilitiesDrop", error) < 0 ||
                   check_rlimits(process, error) < 0 || check_paths(request, process, error) < 0 ||
                   check_mounts(request, error) < 0 || check_sockets(request, error) < 0 ||
                   check_dns(request, error) < 0 || check_hosts(request, error) < 0 ||
                   check_memory_priority(request, error) < 0
               ? -1
               : 0;
}
