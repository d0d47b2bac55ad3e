// A driver of the vsock device in user space, against every rule of virtio (1.2, sections 2.7, 4.1 and 5.10):
// the kernel's is unbound, the device's registers are mapped through sysfs, and the rings are in pages whose
// physical addresses /proc/self/pagemap tells.
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/vm/hostile/hostile.h"

#define DEVICES      "/sys/bus/pci/devices"
#define PAGE         4096
#define RING_SIZE    16
#define QUEUES       3
#define ROUNDS       3000
#define HEADER_BYTES 44

// struct virtio_pci_common_cfg
typedef struct registers {
    uint32_t device_feature_select, device_feature, driver_feature_select, driver_feature;
    uint16_t msix, queue_count;
    uint8_t status, generation;
    uint16_t queue_select, queue_size, queue_msix, queue_enable, queue_notify_off;
    uint32_t descriptors[2], driver[2], device[2];
} registers;

typedef struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
} descriptor;

typedef struct available {
    uint16_t flags, index, ring[RING_SIZE];
} available;

static volatile registers *common;
static volatile uint8_t *notify;
static uint32_t notify_factor, seed = 1;
static uint8_t *pages[QUEUES][4]; // descriptors, available, used, buffers
static uint64_t frames[QUEUES][4];

static uint32_t chance(void) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed;
}

static uint64_t physical(const void *page) {
    uint64_t entry = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY);
    if (fd < 0 ||
        pread(fd, &entry, sizeof entry, (off_t)((uintptr_t)page / PAGE * sizeof entry)) != sizeof entry)
        perror("pagemap");
    close(fd);
    return (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
}

static void *map_bar(const char *device, int bar, uint32_t offset) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s/resource%d", DEVICES, device, bar);
    int fd = open(path, O_RDWR | O_SYNC);
    void *base = mmap(NULL, 0x8000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        base = mmap(NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return base == MAP_FAILED ? NULL : (uint8_t *)base + offset;
}

static int find_device(char *name, size_t size) {
    char path[300], text[16];
    DIR *folder = opendir(DEVICES);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        snprintf(path, sizeof path, "%s/%s/device", DEVICES, entry->d_name);
        int fd = open(path, O_RDONLY);
        ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0)
            close(fd);
        if (got > 0 && (strncmp(text, "0x1053", 6) == 0 || strncmp(text, "0x1012", 6) == 0)) {
            snprintf(name, size, "%.60s", entry->d_name);
            closedir(folder);
            return 0;
        }
    }
    return -1;
}

static int take_device(void) {
    char device[64], path[300];
    uint8_t space[256];
    if (find_device(device, sizeof device) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/%s/driver/unbind", DEVICES, device);
    int fd = open(path, O_WRONLY);
    if (fd < 0 || write(fd, device, strlen(device)) < 0)
        return -1;
    close(fd);
    snprintf(path, sizeof path, "%s/%s/config", DEVICES, device);
    fd = open(path, O_RDWR);
    if (fd < 0 || pread(fd, space, sizeof space, 0) < (ssize_t)sizeof space)
        return -1;
    uint16_t command = 0x0006; // memory and bus mastering
    if (pwrite(fd, &command, 2, 4) != 2)
        return -1;
    for (uint8_t at = space[0x34]; at >= 0x40; at = space[at + 1]) {
        uint32_t offset;
        memcpy(&offset, space + at + 8, 4);
        if (space[at] == 9 && space[at + 3] == 1)
            common = map_bar(device, space[at + 4], offset);
        if (space[at] == 9 && space[at + 3] == 2) {
            notify = map_bar(device, space[at + 4], offset);
            memcpy(&notify_factor, space + at + 16, 4);
        }
    }
    return common && notify ? 0 : -1;
}

static void set_up(void) {
    common->status = 0;
    while (common->status != 0)
        usleep(1000);
    common->status = 1 | 2;
    common->driver_feature_select = 0, common->driver_feature = 0;
    common->driver_feature_select = 1, common->driver_feature = 1; // VERSION_1
    common->status = 1 | 2 | 8;
    for (uint16_t queue = 0; queue < QUEUES; queue++) {
        for (int part = 0; part < 3; part++)
            memset(pages[queue][part], 0, PAGE);
        common->queue_select = queue;
        common->queue_size = RING_SIZE;
        volatile uint32_t(*places[])[2] = {&common->descriptors, &common->driver, &common->device};
        for (int part = 0; part < 3; part++) {
            (*places[part])[0] = (uint32_t)frames[queue][part];
            (*places[part])[1] = (uint32_t)(frames[queue][part] >> 32);
        }
        common->queue_enable = 1;
    }
    common->status = 1 | 2 | 8 | 4;
}

static void kick(uint16_t queue) {
    common->queue_select = queue;
    *(volatile uint16_t *)(notify + common->queue_notify_off * notify_factor) = queue;
}

// A packet whose every field is a guess, near what a device believes and far from it.
static void make_packet(uint8_t *at) {
    uint64_t *contexts = (uint64_t *)at;
    uint32_t *words = (uint32_t *)(at + 16);
    uint16_t *kinds = (uint16_t *)(at + 28);
    contexts[0] = chance() % 4 ? 3 : chance(); // mostly our own
    contexts[1] = chance() % 4 ? 2 : chance();
    words[0] = chance() % 3 ? 1024 : chance(); // ports
    words[1] = chance() % 3 ? 1024 : chance();
    words[2] = chance() % 2 ? chance() % 256 : chance(); // length
    kinds[0] = chance() % 8 ? 1 : (uint16_t)chance();
    kinds[1] = chance() % 8 ? (uint16_t)(chance() % 9) : (uint16_t)chance();
    for (int i = 4; i < 7; i++)
        words[i] = chance() % 2 ? chance() % 8 : chance();
}

static void make_descriptor(uint16_t queue, volatile descriptor *at) {
    at->address = chance() % 4 ? frames[queue][3] + chance() % PAGE : (uint64_t)chance() << (chance() % 33);
    at->length = chance() % 4 ? HEADER_BYTES + chance() % 64 : chance();
    at->flags = chance() % 4 ? (queue == 0 ? 2 : 0) | chance() % 2 : (uint16_t)chance();
    at->next = chance() % 4 ? (uint16_t)(chance() % RING_SIZE) : (uint16_t)chance();
}

static void attack_once(uint16_t queue) {
    volatile descriptor *descriptors = (volatile descriptor *)pages[queue][0];
    volatile available *avail = (volatile available *)pages[queue][1];
    make_packet(pages[queue][3] + chance() % 64);
    for (int i = 0; i < RING_SIZE; i++) {
        make_descriptor(queue, &descriptors[i]);
        avail->ring[i] = chance() % 8 ? (uint16_t)(chance() % RING_SIZE) : (uint16_t)chance();
    }
    __sync_synchronize();
    avail->index = (uint16_t)(avail->index + (chance() % 8 ? 1 + chance() % RING_SIZE : chance()));
    kick(queue);
    make_packet(pages[queue][3]); // while it is being read
    make_descriptor(queue, &descriptors[chance() % RING_SIZE]);
}

void attack_rings(void) {
    char name[64];
    while (find_device(name, sizeof name) < 0)
        usleep(10000); // it is plugged a moment after the kernel has started
    usleep(100000);    // and gets its driver
    if (take_device() < 0) {
        puts("rings: the device cannot be had");
        exit(1);
    }
    for (int queue = 0; queue < QUEUES; queue++)
        for (int part = 0; part < 4; part++) {
            pages[queue][part] =
                mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
            mlock(pages[queue][part], PAGE);
            memset(pages[queue][part], 1, PAGE);
            frames[queue][part] = physical(pages[queue][part]);
        }
    for (int round = 0; round < ROUNDS; round++) {
        if (round % 20 == 0)
            set_up(); // what was broken is whole again
        attack_once((uint16_t)(chance() % QUEUES));
    }
    puts("rings: all rounds done");
    fflush(stdout);
    for (;;)
        pause();
}
