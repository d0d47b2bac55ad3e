// The configuration as messages for the agent.
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "core/container/configuration.h"
#include "core/network/port.h"

#define SHARES_PLACE    "/run/holm/shares" // in the guest, outside of the container
#define NODES_MOST      131072             // of a share, however many descriptors there are
#define VM_MEMORY_EXTRA (64ull << 20)      // kernel and agent; the container gets what it asked for
#define ENTROPY_BYTES   64
#define CPU_PERIOD_US   100000

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        abort();
    return memory;
}

static char *copy_text(const char *text) {
    char *copy = strdup(text ? text : "");
    if (!copy)
        abort();
    return copy;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool flag_of(const json_t *object, const char *key) {
    return json_is_true(json_object_get(object, key));
}

static char **copy_texts(const json_t *array, size_t *count) {
    size_t index;
    json_t *item;
    char **texts = allocate(json_array_size(array), sizeof *texts);
    *count = 0;
    json_array_foreach (array, index, item)
        texts[(*count)++] = copy_text(json_string_value(item));
    return texts;
}

static uint64_t limit_of(const json_t *rlimit, const char *key) {
    json_int_t value = json_integer_value(json_object_get(rlimit, key));
    return value < 0 ? UINT64_MAX : (uint64_t)value;
}

static void copy_rlimits(const json_t *array, Holm__Agent__V1__Process *process) {
    size_t index;
    json_t *item;
    process->rlimits = allocate(json_array_size(array), sizeof *process->rlimits);
    json_array_foreach (array, index, item) {
        Holm__Agent__V1__Rlimit *rlimit = allocate(1, sizeof *rlimit);
        holm__agent__v1__rlimit__init(rlimit);
        rlimit->name = copy_text(text_of(item, "name"));
        rlimit->soft = limit_of(item, "soft");
        rlimit->hard = limit_of(item, "hard");
        process->rlimits[process->n_rlimits++] = rlimit;
    }
}

Holm__Agent__V1__Process *configuration_process(const json_t *configuration) {
    const json_t *from = json_object_get(configuration, "process");
    Holm__Agent__V1__Process *process = allocate(1, sizeof *process);
    holm__agent__v1__process__init(process);
    process->arguments = copy_texts(json_object_get(from, "arguments"), &process->n_arguments);
    process->environment = copy_texts(json_object_get(from, "environment"), &process->n_environment);
    process->directory = copy_text(text_of(from, "directory"));
    process->user = copy_text(text_of(from, "user"));
    process->additional_groups =
        copy_texts(json_object_get(from, "additionalGroups"), &process->n_additional_groups);
    process->terminal = flag_of(from, "terminal");
    process->stdin_open = flag_of(from, "stdinOpen");
    process->privileged = flag_of(configuration, "privileged");
    process->no_new_privileges = flag_of(from, "noNewPrivileges");
    process->init = flag_of(configuration, "init");
    process->capabilities_add =
        copy_texts(json_object_get(from, "capabilitiesAdd"), &process->n_capabilities_add);
    process->capabilities_drop =
        copy_texts(json_object_get(from, "capabilitiesDrop"), &process->n_capabilities_drop);
    copy_rlimits(json_object_get(from, "rlimits"), process);
    return process;
}

static char **duplicate_texts(char *const *texts, size_t count) {
    char **copy = allocate(count, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = copy_text(texts[i]);
    return copy;
}

static void free_texts(char **texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

static void replace_text(char **text, const char *by) {
    if (!by[0])
        return;
    free(*text);
    *text = copy_text(by);
}

// `more` goes behind: the agent takes the last entry of a key.
static void add_environment(Holm__Agent__V1__Process *process, char *const *more, size_t count) {
    char **all = allocate(process->n_environment + count, sizeof *all);
    size_t used = 0;
    for (size_t i = 0; i < process->n_environment; i++) {
        const char *entry = process->environment[i];
        size_t key = strcspn(entry, "=");
        bool replaced = false;
        for (size_t j = 0; j < count && !replaced; j++)
            replaced = strcspn(more[j], "=") == key && strncmp(more[j], entry, key) == 0;
        if (!replaced)
            all[used++] = copy_text(entry);
    }
    for (size_t i = 0; i < count; i++)
        all[used++] = copy_text(more[i]);
    free_texts(process->environment, process->n_environment);
    process->environment = all;
    process->n_environment = used;
}

Holm__Agent__V1__Process *configuration_exec(const json_t *configuration,
                                             const Holm__Shim__V1__ProcessConfiguration *request) {
    Holm__Agent__V1__Process *process = configuration_process(configuration);
    free_texts(process->arguments, process->n_arguments);
    process->arguments = duplicate_texts(request->arguments, request->n_arguments);
    process->n_arguments = request->n_arguments;
    add_environment(process, request->environment, request->n_environment);
    replace_text(&process->directory, request->directory);
    replace_text(&process->user, request->user);
    process->terminal = request->terminal;
    process->columns = request->columns;
    process->rows = request->rows;
    process->stdin_open = request->stdin_open;
    process->privileged |= request->privileged;
    process->init = false;
    if (request->n_capabilities_add) {
        free_texts(process->capabilities_add, process->n_capabilities_add);
        process->capabilities_add = duplicate_texts(request->capabilities_add, request->n_capabilities_add);
        process->n_capabilities_add = request->n_capabilities_add;
    }
    if (request->n_capabilities_drop) {
        free_texts(process->capabilities_drop, process->n_capabilities_drop);
        process->capabilities_drop =
            duplicate_texts(request->capabilities_drop, request->n_capabilities_drop);
        process->n_capabilities_drop = request->n_capabilities_drop;
    }
    return process;
}

unsigned configuration_vm_cpus(const json_t *configuration) {
    double cpus =
        ceil(json_number_value(json_object_get(json_object_get(configuration, "resources"), "cpus")));
    return cpus < 1 ? 1 : (unsigned)cpus;
}

uint64_t configuration_vm_memory(const json_t *configuration) {
    const json_t *resources = json_object_get(configuration, "resources");
    uint64_t memory = (uint64_t)json_integer_value(json_object_get(resources, "memoryBytes"));
    return ((memory + VM_MEMORY_EXTRA + (1u << 20) - 1) >> 20) << 20;
}

// ---- Prepare ----

static Holm__Agent__V1__MountRequest *mount_create(const char *type, const char *source,
                                                   const char *destination) {
    Holm__Agent__V1__MountRequest *mount = allocate(1, sizeof *mount);
    holm__agent__v1__mount_request__init(mount);
    mount->type = copy_text(type);
    mount->source = copy_text(source);
    mount->destination = copy_text(destination);
    mount->create = true;
    return mount;
}

static void add_option(Holm__Agent__V1__MountRequest *mount, const char *option) {
    mount->options[mount->n_options++] = copy_text(option);
}

// How much of a share the guest may remember: the daemon, which has this process's limits, holds a descriptor
// for each file of that. The other half is for those that the container opens, and those being forgotten.
static void add_nodes(Holm__Agent__V1__MountRequest *mount) {
    struct rlimit files = {.rlim_max = 1024};
    char text[32];
    getrlimit(RLIMIT_NOFILE, &files);
    snprintf(text, sizeof text, "nodes=%" PRIu64,
             (uint64_t)(files.rlim_max / 2 < NODES_MOST ? files.rlim_max / 2 : NODES_MOST));
    add_option(mount, text);
}

static Holm__Agent__V1__MountRequest *share_mount(const json_t *item, const char *type, const char *source) {
    Holm__Agent__V1__MountRequest *mount = mount_create(type, source, text_of(item, "destination"));
    mount->options = allocate(3, sizeof *mount->options);
    add_option(mount, flag_of(item, "readOnly") ? "ro" : "rw");
    add_option(mount, "nodev");
    return mount;
}

static Holm__Agent__V1__MountRequest *volume_mount(const json_t *item, const char *device) {
    static const char *const options[] = {"noatime", "discard", "noinit_itable", "no_prefetch_block_bitmaps"};
    Holm__Agent__V1__MountRequest *mount = mount_create("ext4", device, text_of(item, "destination"));
    mount->options = allocate(array_length(options) + 1, sizeof *mount->options);
    mount->fill = !flag_of(item, "noCopy");
    add_option(mount, flag_of(item, "readOnly") ? "ro" : "rw");
    for (size_t i = 0; i < array_length(options); i++)
        add_option(mount, options[i]);
    return mount;
}

static Holm__Agent__V1__MountRequest *tmpfs_mount(const json_t *item) {
    Holm__Agent__V1__MountRequest *mount = mount_create("tmpfs", "tmpfs", text_of(item, "destination"));
    mount->options = copy_texts(json_object_get(item, "options"), &mount->n_options);
    return mount;
}

Holm__Agent__V1__MountRequest *configuration_mount_live(const json_t *mount, const char *device) {
    if (configuration_mount_is_tmpfs(mount))
        return tmpfs_mount(mount);
    if (!configuration_mount_is_bind(mount))
        return volume_mount(mount, device);
    Holm__Agent__V1__MountRequest *share = share_mount(mount, "virtiofs", device);
    add_nodes(share);
    return share;
}

// The disks of the volumes come after those of the root, in the order of the mounts. The shares are one file
// system, mounted outside, of which the container gets the one that it is to have.
static void prepare_volumes(const json_t *configuration, Holm__Agent__V1__PrepareRequest *request) {
    char device[] = "/dev/vdb";
    device[7] = json_array_size(json_object_get(configuration, "layers")) ? 'c' : 'b';
    size_t index;
    json_t *item;
    size_t shares = 0;
    json_array_foreach (json_object_get(configuration, "mounts"), index, item) {
        if (configuration_mount_is_bind(item)) {
            if (shares == 0) {
                Holm__Agent__V1__MountRequest *all =
                    mount_create("virtiofs", CONFIGURATION_SHARES, SHARES_PLACE);
                all->outside = true;
                all->options = allocate(1, sizeof *all->options);
                add_nodes(all);
                request->mounts[request->n_mounts++] = all;
            }
            char source[64];
            snprintf(source, sizeof source, SHARES_PLACE "/%zu", shares++);
            Holm__Agent__V1__MountRequest *one = share_mount(item, "bind", source);
            one->source_outside = true;
            request->mounts[request->n_mounts++] = one;
            continue;
        }
        request->mounts[request->n_mounts++] = volume_mount(item, device);
        device[7]++;
    }
}

static void prepare_mounts(const json_t *configuration, Holm__Agent__V1__PrepareRequest *request) {
    const json_t *tmpfs = json_object_get(configuration, "tmpfs");
    size_t index;
    json_t *item;
    size_t volumes = json_array_size(json_object_get(configuration, "mounts"));
    request->mounts = allocate(json_array_size(tmpfs) + volumes + 2, sizeof *request->mounts);
    Holm__Agent__V1__MountRequest *shm = mount_create("tmpfs", "shm", "/dev/shm");
    shm->options = allocate(5, sizeof *shm->options);
    static const char *const options[] = {"nosuid", "nodev", "noexec", "mode=1777"};
    for (size_t i = 0; i < array_length(options); i++)
        shm->options[shm->n_options++] = copy_text(options[i]);
    if (asprintf(&shm->options[shm->n_options++], "size=%lld",
                 (long long)json_integer_value(
                     json_object_get(json_object_get(configuration, "resources"), "shmBytes"))) < 0)
        abort();
    request->mounts[request->n_mounts++] = shm;
    prepare_volumes(configuration, request);
    json_array_foreach (tmpfs, index, item)
        request->mounts[request->n_mounts++] = tmpfs_mount(item);
}

static void prepare_root(const json_t *configuration, Holm__Agent__V1__PrepareRequest *request) {
    Holm__Agent__V1__RootFilesystem *root = allocate(1, sizeof *root);
    holm__agent__v1__root_filesystem__init(root);
    root->layer_count = (uint32_t)json_array_size(json_object_get(configuration, "layers"));
    root->layers_device = copy_text(root->layer_count ? "/dev/vda" : "");
    root->writable_device = copy_text(root->layer_count ? "/dev/vdb" : "/dev/vda");
    root->read_only = flag_of(configuration, "readOnly");
    request->root = root;
}

static void prepare_limits(const json_t *configuration, Holm__Agent__V1__PrepareRequest *request) {
    Holm__Agent__V1__Limits *limits = allocate(1, sizeof *limits);
    holm__agent__v1__limits__init(limits);
    const json_t *resources = json_object_get(configuration, "resources");
    limits->memory_bytes = (uint64_t)json_integer_value(json_object_get(resources, "memoryBytes"));
    limits->process_count = (uint64_t)json_integer_value(json_object_get(resources, "processCount"));
    double cpus = json_number_value(json_object_get(resources, "cpus"));
    if (cpus < configuration_vm_cpus(configuration))
        limits->cpu_quota_us = (uint64_t)(cpus * CPU_PERIOD_US);
    request->limits = limits;
}

static void prepare_sysctls(const json_t *configuration, Holm__Agent__V1__PrepareRequest *request) {
    json_t *sysctls = json_object_get(configuration, "sysctls"), *value;
    const char *key;
    request->sysctls = allocate(json_object_size(sysctls), sizeof *request->sysctls);
    json_object_foreach (sysctls, key, value) {
        Holm__Agent__V1__KeyValue *pair = allocate(1, sizeof *pair);
        holm__agent__v1__key_value__init(pair);
        pair->key = copy_text(key);
        pair->value = copy_text(json_string_value(value));
        request->sysctls[request->n_sysctls++] = pair;
    }
}

static Holm__Agent__V1__HostEntry *host_create(const char *address, const char *name, const char *second) {
    Holm__Agent__V1__HostEntry *entry = allocate(1, sizeof *entry);
    holm__agent__v1__host_entry__init(entry);
    entry->address = copy_text(address);
    entry->names = allocate(2, sizeof *entry->names);
    entry->names[entry->n_names++] = copy_text(name);
    if (second)
        entry->names[entry->n_names++] = copy_text(second);
    return entry;
}

// A container that is older than its network's IPv6 has none.
static bool has_ip6(const json_t *network) {
    return *text_of(network, "addressV6") != 0;
}

static void add_entry(Holm__Agent__V1__Hosts *hosts, const char *address, const json_t *names) {
    Holm__Agent__V1__HostEntry *entry = allocate(1, sizeof *entry);
    holm__agent__v1__host_entry__init(entry);
    entry->address = copy_text(address);
    entry->names = copy_texts(names, &entry->n_names);
    hosts->entries[hosts->n_entries++] = entry;
}

static bool is_host(const json_t *entry) {
    return strcmp(text_of(entry, "address"), CONFIGURATION_HOST) == 0;
}

bool configuration_reaches_host(const json_t *configuration) {
    size_t index;
    json_t *item;
    json_array_foreach (json_object_get(configuration, "hosts"), index, item)
        if (is_host(item))
            return true;
    return false;
}

Holm__Agent__V1__Hosts *configuration_hosts(const json_t *configuration, const json_t *networks) {
    const json_t *more = json_object_get(configuration, "hosts");
    const json_t *first = json_array_get(networks, 0);
    Holm__Agent__V1__Hosts *hosts = allocate(1, sizeof *hosts);
    holm__agent__v1__hosts__init(hosts);
    hosts->entries = allocate(4 + 2 * json_array_size(more), sizeof *hosts->entries);
    hosts->entries[hosts->n_entries++] = host_create("127.0.0.1", "localhost", NULL);
    hosts->entries[hosts->n_entries++] = host_create("::1", "localhost", "ip6-localhost");
    const char *own = first ? text_of(first, "address") : "127.0.1.1";
    hosts->entries[hosts->n_entries++] = host_create(own, text_of(configuration, "hostname"), NULL);
    const char *own6 = text_of(first, "addressV6");
    if (*own6)
        hosts->entries[hosts->n_entries++] = host_create(own6, text_of(configuration, "hostname"), NULL);
    const int outside = configuration_network_outside(networks); // negative: no way to the host's loopback
    size_t index;
    json_t *item;
    json_array_foreach (more, index, item) {
        const json_t *names = json_object_get(item, "names");
        if (!is_host(item)) {
            add_entry(hosts, text_of(item, "address"), names);
        } else if (outside >= 0) {
            add_entry(hosts, NETWORK_HOST, names);
            if (has_ip6(json_array_get(networks, (size_t)outside)))
                add_entry(hosts, NETWORK_HOST6, names);
        }
    }
    return hosts;
}

// What the user left open comes from the networks: each one's resolver sends on to the next what it does not
// know.
Holm__Agent__V1__Dns *configuration_dns(const json_t *configuration, const json_t *networks) {
    const json_t *asked = json_object_get(configuration, "dns");
    if (flag_of(asked, "none"))
        return NULL;
    Holm__Agent__V1__Dns *dns = allocate(1, sizeof *dns);
    holm__agent__v1__dns__init(dns);
    dns->nameservers = copy_texts(json_object_get(asked, "nameservers"), &dns->n_nameservers);
    dns->searches = copy_texts(json_object_get(asked, "searches"), &dns->n_searches);
    dns->options = copy_texts(json_object_get(asked, "options"), &dns->n_options);
    dns->domain = copy_text(text_of(asked, "domain"));
    if (dns->n_nameservers > 0)
        return dns;
    free(dns->nameservers);
    dns->nameservers = allocate(json_array_size(networks) + 1, sizeof *dns->nameservers);
    size_t index;
    json_t *network;
    json_array_foreach ((json_t *)networks, index, network)
        if (dns->n_nameservers < CONFIGURATION_RESOLVERS_MOST)
            dns->nameservers[dns->n_nameservers++] = copy_text(text_of(network, "gateway"));
    return dns;
}

static void add_address(Holm__Agent__V1__Interface *made, const json_t *network, const char *address,
                        const char *prefix) {
    if (asprintf(&made->addresses[made->n_addresses++], "%s/%lld", text_of(network, address),
                 (long long)json_integer_value(json_object_get(network, prefix))) < 0)
        abort();
}

Holm__Agent__V1__Interface *configuration_interface(const json_t *network, const char *card) {
    Holm__Agent__V1__Interface *made = allocate(1, sizeof *made);
    holm__agent__v1__interface__init(made);
    made->name = copy_text(card);
    made->mac = copy_text(text_of(network, "mac"));
    json_int_t mtu = json_integer_value(json_object_get(network, "mtu"));
    made->mtu = mtu ? (uint32_t)mtu : NETWORK_MTU;
    made->up = true;
    made->addresses = allocate(2, sizeof *made->addresses);
    add_address(made, network, "address", "prefix");
    if (has_ip6(network))
        add_address(made, network, "addressV6", "prefixV6");
    return made;
}

int configuration_network_outside(const json_t *networks) {
    size_t index;
    json_t *network;
    json_array_foreach ((json_t *)networks, index, network)
        if (!flag_of(network, "internal"))
            return (int)index;
    return -1;
}

Holm__Agent__V1__RouteRequest *configuration_route(const json_t *network, const char *card) {
    Holm__Agent__V1__RouteRequest *route = allocate(1, sizeof *route);
    holm__agent__v1__route_request__init(route);
    route->interface = copy_text(card);
    route->destination = copy_text("default");
    route->gateway = copy_text(text_of(network, "gateway"));
    route->gateway6 = copy_text(has_ip6(network) ? text_of(network, "gatewayV6") : "");
    return route;
}

static void prepare_networks(const json_t *networks, Holm__Agent__V1__PrepareRequest *request) {
    size_t index;
    json_t *network;
    int outside = configuration_network_outside(networks);
    request->interfaces = allocate(json_array_size(networks) + 1, sizeof *request->interfaces);
    json_array_foreach ((json_t *)networks, index, network) {
        char card[CONFIGURATION_CARD_SIZE];
        snprintf(card, sizeof card, CONFIGURATION_CARD, (unsigned)index);
        request->interfaces[request->n_interfaces++] = configuration_interface(network, card);
        if ((int)index != outside)
            continue;
        request->routes = allocate(1, sizeof *request->routes);
        request->routes[request->n_routes++] = configuration_route(network, card);
    }
}

Holm__Agent__V1__PrepareRequest *configuration_prepare(const json_t *configuration, const char *id,
                                                       const json_t *networks, holm_error **error) {
    Holm__Agent__V1__PrepareRequest *request = allocate(1, sizeof *request);
    holm__agent__v1__prepare_request__init(request);
    request->entropy.data = allocate(1, ENTROPY_BYTES);
    request->entropy.len = ENTROPY_BYTES;
    if (getrandom(request->entropy.data, ENTROPY_BYTES, 0) != ENTROPY_BYTES) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "the host has no random numbers for the machine");
        holm__agent__v1__prepare_request__free_unpacked(request, NULL);
        return NULL;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    request->unix_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
    request->hostname = copy_text(text_of(configuration, "hostname"));
    request->domainname = copy_text(text_of(configuration, "domainname"));
    request->machine_id = strndup(id, 32);
    request->rescan = true;
    prepare_root(configuration, request);
    prepare_mounts(configuration, request);
    prepare_limits(configuration, request);
    prepare_sysctls(configuration, request);
    request->hosts = configuration_hosts(configuration, networks);
    request->dns = configuration_dns(configuration, networks);
    prepare_networks(networks, request);
    return request;
}
