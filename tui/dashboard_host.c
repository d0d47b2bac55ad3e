// The host's own figures, read when something else is drawn anyway.
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "tui/dashboard_private.h"

#define LEAST_MS 900
#define SECTOR   512 // what the kernel counts in, whatever the disk has

// False: too short a time to say anything.
static bool sample_cpu(dashboard *self) {
    cleanup_file FILE *file = fopen("/proc/stat", "re");
    unsigned long long values[8] = {0}, total = 0;
    if (!file || fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &values[0], &values[1],
                        &values[2], &values[3], &values[4], &values[5], &values[6], &values[7]) < 4)
        return false;
    for (int i = 0; i < 8; i++)
        total += values[i];
    uint64_t busy = total - values[3] - values[4];
    if (self->cpu_total && total < self->cpu_total + 50)
        return false;
    if (self->cpu_total) {
        self->model.host.cpu = 100.0 * (double)(busy - self->cpu_busy) / (double)(total - self->cpu_total);
        history_add(&self->model.host.cpu_history, self->model.host.cpu);
    }
    self->cpu_busy = busy;
    self->cpu_total = total;
    return true;
}

static void sample_memory(model_host *host) {
    cleanup_file FILE *file = fopen("/proc/meminfo", "re");
    char line[128];
    unsigned long long total = 0, available = 0;
    while (file && fgets(line, sizeof(line), file) && !(total && available)) {
        sscanf(line, "MemTotal: %llu", &total);
        sscanf(line, "MemAvailable: %llu", &available);
    }
    host->memory_total = total * 1024;
    host->memory_used = (total - available) * 1024;
    history_add(&host->memory_history, (double)host->memory_used);
}

// Of all cards, but for the loopback.
static void read_network(uint64_t *rx, uint64_t *tx) {
    cleanup_file FILE *file = fopen("/proc/net/dev", "re");
    char line[512], name[64];
    unsigned long long in, out;
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, " %63[^:]: %llu %*u %*u %*u %*u %*u %*u %*u %llu", name, &in, &out) != 3 ||
            strcmp(name, "lo") == 0)
            continue;
        *rx += in;
        *tx += out;
    }
}

// Whole disks, and not what is made of them: nothing counts twice.
static bool is_disk(const char *name) {
    static const char *const others[] = {"loop", "ram", "dm-", "md", "zram", "sr", "fd"};
    char path[96];
    for (size_t i = 0; i < array_length(others); i++)
        if (strncmp(name, others[i], strlen(others[i])) == 0)
            return false;
    snprintf(path, sizeof(path), "/sys/block/%s", name);
    return access(path, F_OK) == 0;
}

static void read_disks(uint64_t *read, uint64_t *written) {
    cleanup_file FILE *file = fopen("/proc/diskstats", "re");
    char line[512], name[64];
    unsigned long long in, out;
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%*u %*u %63s %*u %*u %llu %*u %*u %*u %llu", name, &in, &out) != 3 ||
            !(in || out) || !is_disk(name))
            continue;
        *read += in * SECTOR;
        *written += out * SECTOR;
    }
}

static void add_rate(history *values, uint64_t now, uint64_t before, double seconds) {
    history_add(values, now > before ? (double)(now - before) / seconds : 0);
}

static void sample_rates(dashboard *self) {
    model_host *host = &self->model.host;
    uint64_t now[4] = {0}, *before = self->host_totals, ms = uv_now(self->loop);
    history *values[] = {&host->rx_history, &host->tx_history, &host->read_history, &host->write_history};
    read_network(&now[0], &now[1]);
    read_disks(&now[2], &now[3]);
    for (size_t i = 0; i < array_length(values); i++) {
        if (self->host_ms && ms > self->host_ms)
            add_rate(values[i], now[i], before[i], (double)(ms - self->host_ms) / 1000);
        before[i] = now[i];
    }
    self->host_ms = ms;
    struct sysinfo system;
    if (sysinfo(&system) == 0)
        history_add(&host->thread_history, system.procs);
}

void dashboard_host_sample(dashboard *self) {
    // As often as a container is looked at, however many there are.
    if ((self->host_ms && uv_now(self->loop) - self->host_ms < LEAST_MS) || !sample_cpu(self))
        return;
    sample_memory(&self->model.host);
    sample_rates(self);
    uint64_t back = 0;
    for (size_t i = 0; i < self->model.container_count; i++)
        if (self->model.containers[i].stats)
            back += self->model.containers[i].stats->given_back;
    self->model.host.given_back = back;
}
