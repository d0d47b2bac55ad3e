#include "guest/statistics.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "guest/boot.h"
#include "guest/cgroup.h"
#include "guest/text.h"

#define INTERFACES_MAX 64
#define PROC_MAX       (1u << 20)

// A file of one number; "max" and what is not there are 0.
static uint64_t read_number(const char *name) {
    cleanup_free char *text = cgroup_read(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

static void fill_cpu(Holm__Agent__V1__StatisticsResponse *out) {
    cleanup_free char *text = cgroup_read("cpu.stat");
    if (!text)
        return;
    out->cpu_usage_ns = text_find_u64(text, "usage_usec") * 1000;
    out->cpu_user_ns = text_find_u64(text, "user_usec") * 1000;
    out->cpu_system_ns = text_find_u64(text, "system_usec") * 1000;
    out->cpu_throttled_ns = text_find_u64(text, "throttled_usec") * 1000;
}

static void fill_memory(Holm__Agent__V1__StatisticsResponse *out) {
    cleanup_free char *text = cgroup_read("memory.stat");
    cleanup_free char *machine = text_read(AT_FDCWD, "/proc/meminfo", PROC_MAX, NULL);
    out->memory_usage_bytes = read_number("memory.current");
    out->memory_limit_bytes = read_number("memory.max");
    out->memory_swap_bytes = read_number("memory.swap.current");
    out->out_of_memory_kills = cgroup_oom_kills();
    if (text)
        out->memory_cache_bytes = text_find_u64(text, "file");
    if (machine) {
        out->guest_memory_total_bytes = text_find_u64(machine, "MemTotal:") * 1024;
        out->guest_memory_available_bytes = text_find_u64(machine, "MemAvailable:") * 1024;
    }
}

// "254:16 rbytes=1 wbytes=2 rios=3 wios=4 …", one line a disk.
static uint64_t sum_of(const char *text, const char *key) {
    uint64_t sum = 0;
    size_t length = strlen(key);
    for (const char *at = text; (at = strstr(at, key)); at += length)
        sum += strtoull(at + length, NULL, 10);
    return sum;
}

static void fill_disks(Holm__Agent__V1__StatisticsResponse *out) {
    cleanup_free char *text = cgroup_read("io.stat");
    struct statvfs root;
    if (text) {
        out->block_read_bytes = sum_of(text, " rbytes=");
        out->block_write_bytes = sum_of(text, " wbytes=");
        out->block_reads = sum_of(text, " rios=");
        out->block_writes = sum_of(text, " wios=");
    }
    if (statvfs(GUEST_ROOT, &root) == 0) {
        out->root_total_bytes = (uint64_t)root.f_blocks * root.f_frsize;
        out->root_free_bytes = (uint64_t)root.f_bavail * root.f_frsize;
    }
}

// "  eth0: bytes packets errs drop fifo frame compressed multicast bytes packets …"
static bool read_interface(const char *line, size_t length, Holm__Agent__V1__InterfaceStatistics *out,
                           char *name) {
    char copy[512];
    snprintf(copy, sizeof copy, "%.*s", (int)length, line);
    holm__agent__v1__interface_statistics__init(out);
    out->name = name;
    return sscanf(copy, " %15[^:]: %" SCNu64 " %" SCNu64 " %*u %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
                  name, &out->rx_bytes, &out->rx_packets, &out->tx_bytes, &out->tx_packets) == 5 &&
           strcmp(name, "lo") != 0;
}

ProtobufCMessage *statistics_call(agent *self, const ProtobufCMessage *message, holm_error **error) {
    Holm__Agent__V1__StatisticsResponse response = HOLM__AGENT__V1__STATISTICS_RESPONSE__INIT;
    Holm__Agent__V1__InterfaceStatistics interfaces[INTERFACES_MAX], *pointers[INTERFACES_MAX];
    char names[INTERFACES_MAX][16];
    struct timespec now;
    (void)self, (void)message, (void)error;
    clock_gettime(CLOCK_MONOTONIC, &now);
    response.monotonic_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
    fill_cpu(&response);
    fill_memory(&response);
    fill_disks(&response);
    response.process_count = read_number("pids.current");
    response.process_limit = read_number("pids.max");
    cleanup_free char *table = text_read(AT_FDCWD, "/proc/net/dev", PROC_MAX, NULL);
    const char *rest = table, *line;
    response.interfaces = pointers;
    for (size_t length; response.n_interfaces < INTERFACES_MAX && (line = text_next(&rest, '\n', &length));) {
        size_t i = response.n_interfaces;
        pointers[i] = &interfaces[i];
        if (read_interface(line, length, &interfaces[i], names[i]))
            response.n_interfaces++;
    }
    return agent_copy_message(&response.base);
}
