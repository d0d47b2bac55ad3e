#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/detach.h"
#include "tui/cli/options.h"

enum {
    KEY_NAME = 0x200,
    KEY_RM,
    KEY_ENTRYPOINT,
    KEY_CIDFILE,
    KEY_READ_ONLY,
    KEY_TMPFS,
    KEY_PUBLISH_SOCKET,
    KEY_SSH,
    KEY_MOUNT,
    KEY_SHM_SIZE,
    KEY_MEMORY_PRIORITY,
    KEY_SYSCTL,
    KEY_INIT,
    KEY_PULL,
    KEY_PLATFORM,
    KEY_PRIVILEGED,
    KEY_NO_NEW_PRIVILEGES,
    KEY_STOP_SIGNAL,
    KEY_STOP_TIMEOUT,
    KEY_DETACH_KEYS,
    KEY_NETWORK,
    KEY_DNS,
    KEY_DNS_SEARCH,
    KEY_DNS_OPTION,
    KEY_NO_DNS,
    KEY_ADD_HOST,
    KEY_PIDS,
    KEY_SCHEME,
    KEY_DISK,
    KEY_RESTART,
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Container:", 2},
    {"name", KEY_NAME, "NAME", 0, "Its name; one is made up when it is not given", 2},
    {"hostname", 'h', "NAME", 0, "Host name inside", 2},
    {"rm", KEY_RM, NULL, 0, "Remove it when it ends", 2},
    {"label", 'l', "KEY[=VALUE]", 0, "A label", 2},
    {"entrypoint", KEY_ENTRYPOINT, "PROGRAM", 0, "In place of the image's; its command is forgotten", 2},
    {"init", KEY_INIT, NULL, 0, "Run a small init as its first process", 2},
    {"cidfile", KEY_CIDFILE, "FILE", 0, "Write its id into a new file", 2},
    {"stop-signal", KEY_STOP_SIGNAL, "SIGNAL", 0, "What asks it to end (TERM)", 2},
    {"stop-timeout", KEY_STOP_TIMEOUT, "SECONDS", 0, "How long it may take for that (10); -1: for ever", 2},
    {"restart", KEY_RESTART, "POLICY", 0, "When it starts again: no, on-failure[:N], always, unless-stopped",
     2},
    {"privileged", KEY_PRIVILEGED, NULL, 0, "All rights inside its own VM (none outside)", 2},
    {"no-new-privileges", KEY_NO_NEW_PRIVILEGES, NULL, 0, "Programs cannot gain rights", 2},
    {NULL, 0, NULL, 0, "Resources:", 3},
    {"cpus", 'c', "NUMBER", 0, "CPUs, also a fraction", 3},
    {"memory", 'm', "SIZE", 0, "Memory, for example 512m", 3},
    {"memory-priority", KEY_MEMORY_PRIORITY, "PRIORITY", 0,
     "low gives page cache back first when the host is short of memory, then normal, then high", 3},
    {"shm-size", KEY_SHM_SIZE, "SIZE", 0, "Size of /dev/shm (64m)", 3},
    {"pids-limit", KEY_PIDS, "NUMBER", 0, "Most processes at once", 3},
    {"disk", KEY_DISK, "SIZE", 0, "Nominal size of the writable layer", 3},
    {"sysctl", KEY_SYSCTL, "KEY=VALUE", 0, "A kernel setting of its VM", 3},
    {NULL, 0, NULL, 0, "Files:", 4},
    {"read-only", KEY_READ_ONLY, NULL, 0, "The root file system cannot be written", 4},
    {"volume", 'v', "[SOURCE:]PATH[:ro][,nocopy]", 0,
     "Mounts a volume, or a folder or file of the host (/…, ./…); what is not there is made", 4},
    {"mount", KEY_MOUNT, "type=TYPE,…", 0,
     "The same by names: type=bind|volume|tmpfs, source=, target=, readonly, volume-nocopy; a bind's source "
     "must be "
     "there",
     4},
    {"tmpfs", KEY_TMPFS, "PATH[:OPTIONS]", 0, "A file system in memory", 4},
    {"publish-socket", KEY_PUBLISH_SOCKET, "HOSTPATH:PATH", 0,
     "A socket of the host that leads to a socket of the container", 4},
    {"ssh", KEY_SSH, NULL, 0, "The container reaches your SSH agent (SSH_AUTH_SOCK)", 4},
    {NULL, 0, NULL, 0, "Network:", 5},
    {"network", KEY_NETWORK, "NAME[,OPTION…]", 0,
     "A network (default), also several, or none; options: alias=NAME (also called so there), ip=ADDRESS, "
     "ip6=ADDRESS, "
     "ip6=ADDRESS, "
     "mac=ADDRESS",
     5},
    {"publish", 'p', "[ADDRESS:][[HOSTPORT]:]PORT[/udp]", 0,
     "A port of the host that leads to one of its own, also as ranges; without HOSTPORT one is chosen", 5},
    {"publish-all", 'P', NULL, 0, "Publish every port that the image exposes", 5},
    {"dns", KEY_DNS, "ADDRESS", 0, "A name server", 5},
    {"dns-search", KEY_DNS_SEARCH, "DOMAIN", 0, "A domain to search in", 5},
    {"dns-option", KEY_DNS_OPTION, "OPTION", 0, "An option of resolv.conf", 5},
    {"no-dns", KEY_NO_DNS, NULL, 0, "Leave /etc/resolv.conf as the image has it", 5},
    {"add-host", KEY_ADD_HOST, "NAME:ADDRESS", 0,
     "A line for /etc/hosts; host-gateway: where this machine's own loopback is reached", 5},
    {NULL, 0, NULL, 0, "Image:", 6},
    {"pull", KEY_PULL, "WHEN", 0, "missing (default), always or never", 6},
    {"platform", KEY_PLATFORM, "PLATFORM", 0, "linux/amd64, linux/arm64 …", 6},
    {"scheme", KEY_SCHEME, "SCHEME", 0, "http or https", 6},
    {"quiet", 'q', NULL, 0, "No progress of pulls", 6},
    {NULL, 0, NULL, 0, "Terminal:", 7},
    {"detach-keys", KEY_DETACH_KEYS, "KEYS", 0, "Keys that leave it running (ctrl-p,ctrl-q); empty: none", 7},
    {0},
};

json_t *options_child(json_t *object, const char *key, json_t *(*make)(void)) {
    json_t *value = json_object_get(object, key);
    if (value)
        return value;
    value = make();
    json_object_set_new(object, key, value);
    return value;
}

static void set_pair(const struct argp_state *state, json_t *object, const char *option, const char *text,
                     bool value_needed) {
    const char *equals = strchr(text, '=');
    if (equals == text || (value_needed && !equals))
        cli_usage_error(state, "%s needs KEY=VALUE, and \"%s\" is none", option, text);
    cleanup_free char *key = strndup(text, equals ? (size_t)(equals - text) : strlen(text));
    json_object_set_new(object, key, json_string(equals ? equals + 1 : ""));
}

static void add_tmpfs(json_t *configuration, const char *text) {
    json_t *list = json_array();
    const char *colon = strchr(text, ':');
    for (const char *at = colon ? colon + 1 : ""; *at;) {
        size_t length = strcspn(at, ",");
        if (length > 0)
            json_array_append_new(list, json_stringn(at, length));
        at += length + (at[length] == ',');
    }
    json_t *entry =
        json_pack("{s:o, s:o}", "destination",
                  json_stringn(text, colon ? (size_t)(colon - text) : strlen(text)), "options", list);
    json_array_append_new(options_child(configuration, "tmpfs", json_array), entry);
}

// NAME[,alias=NAME]…[,ip=ADDRESS][,ip6=ADDRESS][,mac=ADDRESS], or "none" alone.
static void add_network(const struct argp_state *state, json_t *configuration, const char *text) {
    json_t *networks = json_object_get(configuration, "networks");
    size_t length = strcspn(text, ",");
    bool none = strcmp(text, "none") == 0;
    if (networks && (none || json_array_size(networks) == 0))
        cli_usage_error(state, "--network none stands alone");
    networks = options_child(configuration, "networks", json_array);
    if (none)
        return;
    json_t *network = json_pack("{s:o}", "name", json_stringn(text, length));
    json_array_append_new(networks, network);
    for (const char *at = text + length; *at; at += length) {
        length = strcspn(++at, ",");
        const char *equals = memchr(at, '=', length);
        size_t key = equals ? (size_t)(equals - at) : length;
        json_t *value = equals ? json_stringn(equals + 1, length - key - 1) : NULL;
        if (!value || json_string_length(value) == 0)
            cli_usage_error(state,
                            "--network needs NAME[,alias=NAME][,ip=ADDRESS][,ip6=ADDRESS][,mac=ADDRESS], and "
                            "\"%s\" is none",
                            text);
        if (key == 5 && strncmp(at, "alias", key) == 0)
            json_array_append_new(options_child(network, "aliases", json_array), value);
        else if (key == 2 && strncmp(at, "ip", key) == 0)
            json_object_set_new(network, "address", value);
        else if (key == 3 && strncmp(at, "ip6", key) == 0)
            json_object_set_new(network, "addressV6", value);
        else if (key == 3 && strncmp(at, "mac", key) == 0)
            json_object_set_new(network, "mac", value);
        else
            cli_usage_error(state, "--network knows alias, ip, ip6 and mac, and not \"%.*s\"", (int)key, at);
    }
}

static void add_host(const struct argp_state *state, json_t *configuration, const char *text) {
    const char *colon = strchr(text, ':');
    if (!colon || colon == text || !colon[1])
        cli_usage_error(state, "--add-host needs NAME:ADDRESS, and \"%s\" is none", text);
    json_t *entry =
        json_pack("{s:s, s:[o]}", "address", colon + 1, "names", json_stringn(text, (size_t)(colon - text)));
    json_array_append_new(options_child(configuration, "hosts", json_array), entry);
}

static double decimal(const struct argp_state *state, const char *option, const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || !(value > 0) || value > 1e6)
        cli_usage_error(state, "%s needs a number above zero, and \"%s\" is none", option, text);
    return value;
}

static void set_pull(const struct argp_state *state, container_options *self, const char *text) {
    if (strcmp(text, "missing") != 0 && strcmp(text, "always") != 0 && strcmp(text, "never") != 0)
        cli_usage_error(state, "--pull is missing, always or never, not \"%s\"", text);
    self->pull = text;
}

static void set_signal(const struct argp_state *state, json_t *configuration, const char *text) {
    int number = cli_signal(text);
    if (!number)
        cli_usage_error(state, "there is no signal \"%s\"", text);
    json_object_set_new(configuration, "stopSignal", json_integer(number));
}

static void set_restart(const struct argp_state *state, json_t *configuration, const char *text) {
    const char *colon = strchr(text, ':');
    json_t *restart =
        json_pack("{s:o}", "policy", json_stringn(text, colon ? (size_t)(colon - text) : strlen(text)));
    json_object_set_new(configuration, "restart", restart);
    if (!colon)
        return;
    if (!colon[1] || colon[1 + strspn(colon + 1, "0123456789")] || strlen(colon + 1) > 9)
        cli_usage_error(state, "--restart needs a number after on-failure, not \"%s\"", colon + 1);
    json_object_set_new(restart, "maximumRetries", json_integer(atoll(colon + 1)));
}

static error_t parse_resources(int key, char *argument, struct argp_state *state, json_t *configuration) {
    json_t *resources = json_object_get(configuration, "resources");
    switch (key) {
    case 'c':
        json_object_set_new(resources, "cpus", json_real(decimal(state, "--cpus", argument)));
        return 0;
    case 'm':
        json_object_set_new(resources, "memoryBytes",
                            json_integer((json_int_t)cli_size(state, "--memory", argument)));
        return 0;
    case KEY_MEMORY_PRIORITY:
        return json_object_set_new(resources, "memoryPriority", json_string(argument));
    case KEY_SHM_SIZE:
        json_object_set_new(resources, "shmBytes",
                            json_integer((json_int_t)cli_size(state, "--shm-size", argument)));
        return 0;
    case KEY_PIDS:
        json_object_set_new(resources, "processCount",
                            json_integer((json_int_t)decimal(state, "--pids-limit", argument)));
        return 0;
    case KEY_DISK:
        json_object_set_new(configuration, "diskBytes",
                            json_integer((json_int_t)cli_size(state, "--disk", argument)));
        return 0;
    case KEY_SYSCTL:
        set_pair(state, options_child(configuration, "sysctls", json_object), "--sysctl", argument, true);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_network(int key, char *argument, struct argp_state *state, json_t *configuration) {
    switch (key) {
    case KEY_NETWORK:
        add_network(state, configuration, argument);
        return 0;
    case KEY_DNS:
    case KEY_DNS_SEARCH:
    case KEY_DNS_OPTION: {
        const char *list = key == KEY_DNS ? "nameservers" : key == KEY_DNS_SEARCH ? "searches" : "options";
        json_t *dns = options_child(configuration, "dns", json_object);
        json_array_append_new(options_child(dns, list, json_array), json_string(argument));
        return 0;
    }
    case 'p':
        port_options_add(state, options_child(configuration, "ports", json_array), argument);
        return 0;
    case KEY_NO_DNS:
        return json_object_set_new(options_child(configuration, "dns", json_object), "none", json_true());
    case KEY_ADD_HOST:
        add_host(state, configuration, argument);
        return 0;
    default:
        return parse_resources(key, argument, state, configuration);
    }
}

static error_t parse_flags(int key, char *argument, struct argp_state *state, json_t *configuration) {
    static const struct {
        int key;
        const char *name;
    } flags[] = {{KEY_RM, "removeOnExit"},
                 {KEY_INIT, "init"},
                 {KEY_READ_ONLY, "readOnly"},
                 {KEY_PRIVILEGED, "privileged"},
                 {'P', "publishAll"}};
    static const struct {
        int key;
        const char *name;
    } texts[] = {{KEY_NAME, "name"}, {'h', "hostname"}, {KEY_PLATFORM, "platform"}};
    for (size_t i = 0; i < array_length(flags); i++)
        if (flags[i].key == key)
            return json_object_set_new(configuration, flags[i].name, json_true());
    for (size_t i = 0; i < array_length(texts); i++)
        if (texts[i].key == key)
            return json_object_set_new(configuration, texts[i].name, json_string(argument));
    return parse_network(key, argument, state, configuration);
}

const char *detach_keys_option(const struct argp_state *state, const char *text) {
    detach_matcher keys;
    if (!detach_parse(&keys, text))
        cli_usage_error(state, "--detach-keys needs keys like ctrl-p,ctrl-q or ctrl-], and \"%s\" is none",
                        text);
    return text;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    container_options *self = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->process;
        state->child_inputs[1] = self->configuration;
        return 0;
    case 'l':
        set_pair(state, options_child(self->configuration, "labels", json_object), "--label", argument,
                 false);
        return 0;
    case KEY_ENTRYPOINT:
        json_object_set_new(self->process.process, "entrypoint",
                            *argument ? json_pack("[s]", argument) : json_array());
        return 0;
    case KEY_CIDFILE:
        self->cidfile = argument;
        return 0;
    case 'v':
        mount_options_add_volume(state, self->configuration, argument);
        return 0;
    case KEY_MOUNT:
        mount_options_add(state, self->configuration, argument);
        return 0;
    case KEY_PUBLISH_SOCKET:
        mount_options_add_socket(state, self->configuration, argument);
        return 0;
    case KEY_SSH:
        if (!getenv("SSH_AUTH_SOCK"))
            cli_usage_error(state, "--ssh needs an SSH agent: SSH_AUTH_SOCK is not set");
        return json_object_set_new(self->configuration, "ssh", json_true());
    case KEY_TMPFS:
        add_tmpfs(self->configuration, argument);
        return 0;
    case KEY_NO_NEW_PRIVILEGES:
        return json_object_set_new(self->process.process, "noNewPrivileges", json_true());
    case KEY_PULL:
        set_pull(state, self, argument);
        return 0;
    case KEY_SCHEME:
        self->scheme = argument;
        return 0;
    case KEY_STOP_SIGNAL:
        set_signal(state, self->configuration, argument);
        return 0;
    case KEY_RESTART:
        set_restart(state, self->configuration, argument);
        return 0;
    case KEY_STOP_TIMEOUT:
        return json_object_set_new(self->configuration, "stopTimeoutMs",
                                   json_integer(cli_grace_ms(state, "--stop-timeout", argument)));
    case KEY_DETACH_KEYS:
        self->detach_keys = detach_keys_option(state, argument);
        return json_object_set_new(self->configuration, "detachKeys", json_string(argument));
    case 'q':
        self->quiet = true;
        return 0;
    default:
        return parse_flags(key, argument, state, self->configuration);
    }
}

static const struct argp_child children[] = {{&process_argp, 0, NULL, 0}, {&health_argp, 0, NULL, 0}, {0}};
const struct argp container_argp = {.options = options, .parser = parse, .children = children};

void container_options_init(container_options *self) {
    *self = (container_options){.configuration = json_pack("{s:{}}", "resources"), .pull = "missing"};
    process_options_init(&self->process);
}

void container_options_set_image(container_options *self, char **arguments) {
    json_object_set_new(self->configuration, "image", json_string(arguments[0]));
    if (!arguments[1])
        return;
    json_t *command = json_array();
    for (char **argument = arguments + 1; *argument; argument++)
        json_array_append_new(command, json_string(*argument));
    json_object_set_new(self->process.process, "command", command);
}

json_t *container_options_steal(container_options *self) {
    process_options_complete(&self->process);
    json_object_set_new(self->configuration, "process", steal_pointer(&self->process.process));
    return steal_pointer(&self->configuration);
}
