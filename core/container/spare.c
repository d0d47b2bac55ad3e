#include "core/container/spare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/process.h"
#include "core/image/image_client.h"
#include "vm/layers_disk.h"
#include "vm/machine.h"

#define SHAPE_DIGITS   16
#define PARTS_DIGITS   8
#define NAME_LENGTH    (SHAPE_DIGITS + 1 + 8)
#define USES_MOST      32 // starts that are remembered
#define SPARES_MOST    (2 * SPARE_POOL_MOST)
#define LAYERS_MOST    500
#define ADDRESS_SPACE  "198.18.0." // of benchmarks (RFC 2544): no network has it
#define ADDRESS_SPACE6 "2001:2:0:" // the same of IPv6 (RFC 5180)

char *spare_folder(const paths *where, const char *name) {
    return path_join(where->runtime, "s", name, NULL);
}

// ---- shapes ----

static uint32_t sum(const char *text) {
    return hash_add(HASH_INIT, text, strlen(text));
}

static bool is_eligible(const json_t *configuration, const container_launch_options *options) {
    const json_t *resources = json_object_get(configuration, "resources");
    const char *priority = json_string_value(json_object_get(resources, "memoryPriority"));
    return options->pool > 0 && !options->cold &&
           json_array_size(json_object_get(configuration, "sockets")) == 0 &&
           !json_is_true(json_object_get(configuration, "ssh")) &&
           (!priority || strcmp(priority, "normal") == 0);
}

static uint64_t measure_layers(const paths *where, const json_t *layers) {
    char *files[LAYERS_MOST];
    size_t count = json_array_size(layers);
    if (count > LAYERS_MOST)
        return 0;
    for (size_t i = 0; i < count; i++)
        files[i] = path_join(where->data, "layers",
                             json_string_value(json_object_get(json_array_get(layers, i), "file")), NULL);
    uint64_t bytes = layers_disk_measure((const char *const *)files, count, NULL);
    for (size_t i = 0; i < count; i++)
        free(files[i]);
    return bytes;
}

// Of each card the first letter of its network's driver: the end of a card is not exchanged.
static void describe_drivers(const json_t *networks, char drivers[CONFIGURATION_NETWORKS_MOST + 1]) {
    size_t index;
    json_t *network;
    json_array_foreach ((json_t *)networks, index, network)
        if (index < CONFIGURATION_NETWORKS_MOST)
            drivers[index] = configuration_network_is_bridge(network) ? 'b' : 'u';
}

// Cards of networks that are not there, of these drivers: what is sent is heard by nobody.
static json_t *pretend_networks(const char *drivers) {
    json_t *networks = json_array();
    for (size_t i = 0; drivers[i]; i++) {
        char mac[18], address[24], gateway[24], address6[32], gateway6[32];
        snprintf(mac, sizeof mac, "02:00:00:00:00:%02zx", i & 0xff);
        snprintf(address, sizeof address, ADDRESS_SPACE "%zu", (4 * i + 2) & 0xff);
        snprintf(gateway, sizeof gateway, ADDRESS_SPACE "%zu", (4 * i + 1) & 0xff);
        snprintf(address6, sizeof address6, ADDRESS_SPACE6 "%zx::2", i & 0xff);
        snprintf(gateway6, sizeof gateway6, ADDRESS_SPACE6 "%zx::1", i & 0xff);
        json_array_append_new(networks,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i}", "name", "", "driver",
                                        drivers[i] == 'b' ? "bridge" : "user", "mac", mac, "address", address,
                                        "gateway", gateway, "prefix", 30, "addressV6", address6, "gatewayV6",
                                        gateway6, "prefixV6", 64));
    }
    return networks;
}

// The rehearsed container is like the one that is started, and runs nothing of its image.
static json_t *pretend_configuration(const json_t *from) {
    return json_pack("{s:s, s:O, s:O, s:{s:[s, s]}}", "hostname", "spare", "layers",
                     json_object_get(from, "layers"), "resources", json_object_get(from, "resources"),
                     "process", "arguments", "/proc/self/exe", "rehearsal");
}

// What the machines are made of, and the shim that waits.
static char *describe_parts(const paths *where, const char *kernel, const char *initramfs) {
    cleanup_free char *program = path_join(where->libexec, "holm-shim", NULL);
    cleanup_free char *parts = machine_parts_describe(kernel, initramfs);
    struct stat status = {0};
    if (stat(program, &status) < 0)
        status = (struct stat){0};
    return path_format("%s%s %llu %lld.%09ld", parts, program, (unsigned long long)status.st_ino,
                       (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

json_t *spare_describe(const paths *where, const json_t *document, const json_t *networks,
                       const container_launch_options *options) {
    const json_t *configuration = json_object_get(document, "configuration");
    if (!is_eligible(configuration, options) || options->kernel)
        return NULL;
    cleanup_free char *kernel = paths_find_kernel(where, NULL),
                      *initramfs = paths_find_initramfs(where, NULL);
    cleanup_free char *folder = container_folder(where, json_string_value(json_object_get(document, "id")));
    cleanup_free char *writable = path_join(folder, "rw.ext4", NULL);
    struct stat status;
    if (!kernel || !initramfs || stat(writable, &status) < 0)
        return NULL;
    cleanup_free char *empty = image_client_disk(where, (uint64_t)status.st_size);
    const json_t *layers = json_object_get(configuration, "layers");
    uint64_t bytes = measure_layers(where, layers);
    if (bytes == 0 || json_array_size(layers) == 0 || access(empty, R_OK) < 0)
        return NULL;
    const char *accelerator = options->accelerator;
    if (!accelerator || strcmp(accelerator, "auto") == 0)
        accelerator = machine_accelerator_probe(where->cache, kernel, NULL) == MACHINE_KVM ? "kvm" : "tcg";
    char drivers[CONFIGURATION_NETWORKS_MOST + 1] = "";
    describe_drivers(networks, drivers);
    cleanup_free char *parts = describe_parts(where, kernel, initramfs);
    cleanup_free char *like = path_format(
        "%u %" PRIu64 " %s %" PRIu64 " %lld %s", configuration_vm_cpus(configuration),
        configuration_vm_memory(configuration), accelerator, bytes, (long long)status.st_size, drivers);
    char shape[SPARE_SHAPE_SIZE];
    snprintf(shape, sizeof shape, "%08" PRIx32 "%08" PRIx32, sum(parts), sum(like));
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "shape", shape, "accelerator", accelerator, "disk", empty,
                     "networks", pretend_networks(drivers), "configuration",
                     pretend_configuration(configuration));
}

// ---- those that are there ----

typedef struct spares {
    char names[SPARES_MOST][NAME_LENGTH + 1];
    size_t count;
} spares;

static bool is_name(const char *name) {
    return strlen(name) == NAME_LENGTH && strspn(name, "0123456789abcdef") == SHAPE_DIGITS &&
           name[SHAPE_DIGITS] == '-' && strspn(name + SHAPE_DIGITS + 1, "0123456789abcdef") == 8;
}

static void list(const paths *where, spares *out) {
    cleanup_free char *folder = path_join(where->runtime, "s", NULL);
    cleanup_directory DIR *all = opendir(folder);
    out->count = 0;
    for (const struct dirent *entry; all && out->count < SPARES_MOST && (entry = readdir(all));)
        if (is_name(entry->d_name))
            memcpy(out->names[out->count++], entry->d_name, NAME_LENGTH + 1);
}

static bool lives(const paths *where, const char *name) {
    cleanup_free char *folder = spare_folder(where, name), *lock = path_join(folder, "lock", NULL);
    return file_is_locked(lock);
}

json_t *spare_list(const paths *where) {
    json_t *result = json_array();
    spares all;
    list(where, &all);
    for (size_t i = 0; i < all.count; i++) {
        cleanup_free char *folder = spare_folder(where, all.names[i]);
        cleanup_free char *socket = path_join(folder, SPARE_SOCKET, NULL);
        if (lives(where, all.names[i]))
            json_array_append_new(result,
                                  json_pack("{s:s, s:s%, s:b}", "name", all.names[i], "shape", all.names[i],
                                            (size_t)SHAPE_DIGITS, "ready", access(socket, F_OK) == 0));
    }
    return result;
}

// ---- speaking to one ----

// fds: SPARE_FDS of them, or NULL.
static int send_with(int to, const char *text, const int *fds) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(SPARE_FDS * sizeof(int))];
    } space = {0};
    struct iovec vector = {(char *)text, strlen(text)};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (fds) {
        message.msg_control = &space;
        message.msg_controllen = sizeof space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(SPARE_FDS * sizeof(int));
        memcpy(CMSG_DATA(header), fds, SPARE_FDS * sizeof(int));
    }
    return sendmsg(to, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static int say(const paths *where, const char *name, const char *text, const int *fds) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_free char *folder = spare_folder(where, name), *path = path_join(folder, SPARE_SOCKET, NULL);
    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, path);
    cleanup_close int to = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    const int room = 2 * SPARE_TOLD_MOST;
    if (to < 0)
        return -1;
    setsockopt(to, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return connect(to, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : send_with(to, text, fds);
}

int spare_send(const paths *where, const char *shape, const char *told, int pipe, int lock) {
    const int fds[SPARE_FDS] = {pipe, lock};
    spares all;
    list(where, &all);
    for (size_t i = 0; i < all.count; i++)
        if (strncmp(all.names[i], shape, SHAPE_DIGITS) == 0 && strlen(told) < SPARE_TOLD_MOST &&
            say(where, all.names[i], told, fds) == 0)
            return 0;
    return -1;
}

// Gone at once, or, where it still rehearses, as soon as it looks.
static void end(const paths *where, const char *name) {
    cleanup_free char *folder = spare_folder(where, name);
    if (!lives(where, name)) {
        path_remove_tree(folder, NULL);
        return;
    }
    cleanup_free char *mark = path_join(folder, SPARE_ENDS, NULL);
    int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    say(where, name, SPARE_ENDS, NULL);
}

// ---- how many of which ----

typedef struct uses {
    char shapes[USES_MOST][SPARE_SHAPE_SIZE];
    size_t count;
} uses;

static void read_uses(const char *path, uses *out) {
    cleanup_buffer buffer text = BUFFER_INIT;
    out->count = 0;
    if (file_read(path, 4096, &text, NULL) < 0)
        return;
    for (const char *at = buffer_text(&text); out->count < USES_MOST && strlen(at) > SHAPE_DIGITS;
         at += SHAPE_DIGITS + 1)
        snprintf(out->shapes[out->count++], SPARE_SHAPE_SIZE, "%.*s", SHAPE_DIGITS, at);
}

static int note_use(const char *path, uses *all, const char *shape, holm_error **error) {
    size_t skip = all->count == USES_MOST;
    memmove(all->shapes[0], all->shapes[skip], (all->count - skip) * sizeof all->shapes[0]);
    all->count -= skip;
    snprintf(all->shapes[all->count++], SPARE_SHAPE_SIZE, "%s", shape);
    cleanup_buffer buffer text = BUFFER_INIT;
    for (size_t i = 0; i < all->count; i++)
        buffer_append_format(&text, "%s\n", all->shapes[i]);
    return file_write(path, text.data, text.length, error);
}

static size_t count_of(const uses *all, const char *shape) {
    size_t found = 0;
    for (size_t i = 0; i < all->count; i++)
        found += strncmp(all->shapes[i], shape, SHAPE_DIGITS) == 0;
    return found;
}

// How many of this shape are wanted: the pool is shared out by D'Hondt's rule, one after the other to the
// shape that has most starts for each spare it would then have. Of equals the one used last.
static size_t wanted_of(const uses *all, const char *shape, unsigned pool) {
    size_t given[USES_MOST] = {0}; // at the last use of a shape
    for (unsigned i = 0; i < pool; i++) {
        size_t best = 0;
        double most = -1;
        for (size_t at = 0; at < all->count; at++) {
            bool last = true; // of its shape
            for (size_t later = at + 1; later < all->count; later++)
                last = last && strcmp(all->shapes[later], all->shapes[at]) != 0;
            // Of another kernel, agent or VMM than the last start's: never again.
            last = last && strncmp(all->shapes[at], all->shapes[all->count - 1], PARTS_DIGITS) == 0;
            double claim = (double)count_of(all, all->shapes[at]) / (double)(given[at] + 1);
            if (last && claim >= most) {
                most = claim;
                best = at;
            }
        }
        given[best] += most > 0;
    }
    size_t wanted = 0;
    for (size_t at = 0; at < all->count; at++)
        if (strncmp(all->shapes[at], shape, SHAPE_DIGITS) == 0)
            wanted += given[at];
    return wanted;
}

// Ends those that nobody wants, and those that are dead. How many of `shape` are left.
static size_t sweep(const paths *where, const uses *known, const char *shape, unsigned pool) {
    spares all;
    size_t left = 0;
    list(where, &all);
    for (size_t i = 0; i < all.count; i++) {
        size_t before = 0;
        for (size_t j = 0; j < i; j++)
            before += strncmp(all.names[j], all.names[i], SHAPE_DIGITS) == 0;
        if (!lives(where, all.names[i]) || before >= wanted_of(known, all.names[i], pool))
            end(where, all.names[i]);
        else
            left += shape && strncmp(all.names[i], shape, SHAPE_DIGITS) == 0;
    }
    return left;
}

static int start(const paths *where, const json_t *described, holm_error **error) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe to a spare");
        return -1;
    }
    cleanup_close int in = ends[0], out = ends[1];
    cleanup_free char *program = path_join(where->libexec, "holm-shim", NULL);
    cleanup_free char *told = json_dumps(described, JSON_COMPACT);
    const char *argv[] = {program, SPARE_ID, told, NULL};
    const process_fd fds[] = {{.from = out, .to = 3}};
    const process_options spawn = {
        .argv = argv, .fds = fds, .fd_count = 1, .directory = "/", .new_session = true};
    int process;
    if (process_spawn(&spawn, NULL, &process, error) < 0)
        return -1;
    close(steal_fd(&out));
    process_wait(process); // it forks itself away at once
    close(process);
    char word;
    // It has its folder and its lock: from now on it can be counted.
    if (read(in, &word, 1) == 1 && word == 'R')
        return 0;
    holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "a spare machine could not be started");
    return -1;
}

int spare_refill(const paths *where, const json_t *described, unsigned pool, holm_error **error) {
    const char *shape = json_string_value(json_object_get(described, "shape"));
    cleanup_free char *folder = path_join(where->runtime, "s", NULL);
    cleanup_free char *path = path_join(folder, "uses", NULL), *lock_path = path_join(folder, "lock", NULL);
    if (path_make_directories(folder, error) < 0)
        return -1;
    cleanup_close int lock = file_lock(lock_path, true, true, error);
    uses known;
    if (lock < 0)
        return -1;
    read_uses(path, &known);
    if (note_use(path, &known, shape, error) < 0)
        return -1;
    size_t left = sweep(where, &known, shape, pool);
    size_t wanted = wanted_of(&known, shape, pool);
    // The one that was taken and one more: the pool fills with the starts, not all of it at once.
    for (unsigned i = 0; i < 2 && left + i < wanted; i++)
        if (start(where, described, error) < 0)
            return -1;
    return 0;
}

void spare_trim(const paths *where, unsigned pool) {
    cleanup_free char *folder = path_join(where->runtime, "s", NULL);
    spares all;
    list(where, &all);
    if (all.count <= pool)
        return;
    cleanup_free char *path = path_join(folder, "uses", NULL), *lock_path = path_join(folder, "lock", NULL);
    cleanup_close int lock = file_lock(lock_path, true, false, NULL);
    uses known;
    if (lock < 0)
        return; // whoever has it does the same
    read_uses(path, &known);
    sweep(where, &known, NULL, pool);
}
