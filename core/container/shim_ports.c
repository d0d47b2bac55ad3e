// The ports of the host that lead into the container: which, and who has those that cannot be had.
#define LOG_MODULE "ports"
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/container/shim_devices.h"

#define PRIVILEGED_PORTS 1024

static json_int_t number_of(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

size_t shim_ports_asked(const shim *self, const json_t *chosen, network_publish *out) {
    size_t index;
    json_t *port;
    json_array_foreach (json_object_get(self->configuration, "ports"), index, port) {
        if (index == NETWORK_PORTS_MOST)
            return index;
        out[index] = (network_publish){
            .address = text_of(port, "hostAddress"),
            .host = (uint16_t)number_of(port, "hostPort"),
            .preferred = (uint16_t)json_integer_value(json_array_get(chosen, index)),
            .container = (uint16_t)number_of(port, "containerPort"),
            .udp = strcmp(text_of(port, "protocol"), "udp") == 0,
        };
    }
    return index;
}

json_t *shim_ports_describe(const json_t *asked, const json_t *chosen) {
    json_t *ports = json_deep_copy(asked), *port;
    size_t index;
    json_array_foreach (ports, index, port)
        json_object_set(port, "hostPort", json_array_get(chosen, index));
    return ports;
}

void shim_ports_note(shim *self, const json_t *chosen) {
    const json_t *ports = json_object_get(self->configuration, "ports");
    if (!json_array_size(ports))
        return;
    json_t *changes = json_object();
    json_object_set_new(changes, "ports", shim_ports_describe(ports, chosen));
    shim_store_note(self, changes, NULL, NULL);
}

// ---- who has a port ----

static bool is_active(const json_t *status) {
    const char *now = text_of(status, "state");
    return strcmp(now, "exited") != 0 && strcmp(now, "created") != 0;
}

// The name of another container that has it, or NULL. The caller frees it.
static char *container_holding(const shim *self, const network_publish *wanted) {
    cleanup_state state *db = state_open(self->where.data, NULL);
    json_t *list = db ? state_container_list(db, true, NULL) : NULL, *document, *port;
    size_t index, at;
    char *found = NULL;
    json_array_foreach (list, index, document) {
        const json_t *status = json_object_get(document, "status");
        if (!is_active(status) || strcmp(text_of(document, "id"), self->id) == 0)
            continue;
        json_array_foreach (json_object_get(status, "ports"), at, port)
            if (!found && number_of(port, "hostPort") == wanted->host &&
                (strcmp(text_of(port, "protocol"), "udp") == 0) == wanted->udp)
                found = strdup(text_of(json_object_get(document, "configuration"), "name"));
    }
    json_decref(list);
    return found;
}

// The inode of the socket that is bound to this port, 0: not found. proc(5), /proc/net/tcp.
static unsigned long socket_at(const network_publish *wanted) {
    static const char *const tables[] = {"/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp",
                                         "/proc/net/udp6"};
    for (size_t i = wanted->udp ? 2 : 0; i < (wanted->udp ? 4u : 2u); i++) {
        FILE *file = fopen(tables[i], "re");
        char line[512];
        while (file && fgets(line, sizeof line, file)) {
            unsigned port = 0, state_number = 0;
            unsigned long inode = 0;
            if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %lu", &port,
                       &state_number, &inode) != 3 ||
                port != wanted->host || (!wanted->udp && state_number != 10)) // 10: it listens
                continue;
            fclose(file);
            return inode;
        }
        if (file)
            fclose(file);
    }
    return 0;
}

static bool process_has(const char *process, const char *wanted) {
    cleanup_free char *folder = path_format("/proc/%s/fd", process);
    DIR *open_files = opendir(folder);
    bool found = false;
    for (struct dirent *entry; open_files && !found && (entry = readdir(open_files));) {
        char target[64];
        ssize_t length = readlinkat(dirfd(open_files), entry->d_name, target, sizeof target - 1);
        if (length < 0)
            continue;
        target[length] = 0;
        found = strcmp(target, wanted) == 0;
    }
    if (open_files)
        closedir(open_files);
    return found;
}

// "nginx (process 123)", or NULL where /proc does not show it. The caller frees it.
static char *process_holding(const network_publish *wanted) {
    unsigned long inode = socket_at(wanted);
    cleanup_free char *target = path_format("socket:[%lu]", inode);
    DIR *processes = inode ? opendir("/proc") : NULL;
    char *found = NULL;
    for (struct dirent *entry; processes && !found && (entry = readdir(processes));) {
        if (!isdigit((unsigned char)entry->d_name[0]) || !process_has(entry->d_name, target))
            continue;
        cleanup_free char *path = path_format("/proc/%s/comm", entry->d_name);
        cleanup_buffer buffer name = BUFFER_INIT;
        if (file_read(path, 64, &name, NULL) < 0)
            continue;
        const char *text = buffer_text(&name);
        found = path_format("%.*s (process %s)", (int)strcspn(text, "\n"), text, entry->d_name);
    }
    if (processes)
        closedir(processes);
    return found;
}

void shim_ports_explain(const shim *self, const network_publish *port, holm_error **error) {
    if (!error || !*error)
        return;
    if (holm_error_code_of(*error) == HOLM_ERROR_DENIED && port->host && port->host < PRIVILEGED_PORTS) {
        holm_error_hint(error, "sysctl net.ipv4.ip_unprivileged_port_start=%u (as root) allows it",
                        port->host);
        return;
    }
    if (holm_error_code_of(*error) != HOLM_ERROR_IN_USE || !port->host)
        return;
    cleanup_free char *container = container_holding(self, port);
    cleanup_free char *process = container ? NULL : process_holding(port);
    holm_error *whole = NULL;
    holm_error_set(&whole, HOLM_ERROR_IN_USE, "the port %u%s of %s is in use by %s%s", port->host,
                   port->udp ? "/udp" : "", port->address, container ? "the container " : "",
                   container ? container
                   : process ? process
                             : "another user's process");
    holm_error_free(steal_pointer(error));
    holm_error_propagate(error, whole);
}
