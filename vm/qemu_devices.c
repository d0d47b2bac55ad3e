#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "vm/layers_disk.h"
#include "vm/overlay_disk.h"
#include "vm/qemu_internal.h"

qemu_device *qemu_device_find(const machine *self, const char *name) {
    qemu_device *one = self->devices;
    while (one && strcmp(one->name, name) != 0)
        one = one->next;
    return one;
}

static int slot_free(const machine *self) {
    for (int slot = QEMU_SLOT_FIRST; slot < QEMU_SLOT_COUNT; slot++) {
        bool taken = false;
        for (qemu_device *one = self->devices; one; one = one->next)
            taken |= one->slot == slot;
        if (!taken)
            return slot;
    }
    return -1;
}

void qemu_device_close_fds(qemu_device *self) {
    for (size_t i = 0; i < self->fd_count; i++)
        if (self->fds[i] >= 0)
            close(steal_fd(&self->fds[i]));
}

static void device_free(qemu_device *self) {
    if (!self)
        return;
    qemu_device_close_fds(self);
    free(self->fds);
    free(self);
}

CLEANUP_DEFINE(qemu_device, device_cleanup, device_free)

static bool name_is_valid(const char *name) {
    size_t length = strlen(name);
    return length > 0 && length < sizeof((qemu_device *)0)->name &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == length;
}

static qemu_device *device_create(machine *self, const char *name, size_t fd_count, holm_error **error) {
    if (!name_is_valid(name)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "device name %s: letters and digits only, 31 at most",
                       name);
        return NULL;
    }
    if (qemu_device_find(self, name)) {
        holm_error_set(error, HOLM_ERROR_EXISTS, "this machine has a device %s already", name);
        return NULL;
    }
    int slot = slot_free(self);
    if (slot < 0) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a machine can have %d disks and network cards",
                       QEMU_SLOT_COUNT - QEMU_SLOT_FIRST);
        return NULL;
    }
    if (self->state > QEMU_RUNNING) {
        holm_error_set(error, HOLM_ERROR_STATE, "add %s: the machine is stopping", name);
        return NULL;
    }
    qemu_device *one = calloc(1, sizeof *one);
    if (!one || !(one->fds = malloc((fd_count + 1) * sizeof(int))))
        abort();
    one->slot = slot;
    one->fd_count = fd_count;
    for (size_t i = 0; i < fd_count; i++)
        one->fds[i] = -1;
    snprintf(one->name, sizeof one->name, "%s", name);
    return one;
}

static int open_disk_file(const machine_disk *disk, const char *path, bool read_only, uint64_t *bytes,
                          holm_error **error) {
    cleanup_close int fd =
        disk->opened ? fcntl(disk->fd, F_DUPFD_CLOEXEC, 0)
                     : open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        holm_error_set_errno(error, errno, "open the disk %s", path);
        return -1;
    }
    if (!S_ISREG(status.st_mode)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the disk %s is not a file", path);
        return -1;
    }
    *bytes = (uint64_t)status.st_size;
    return steal_fd(&fd);
}

// With a hole behind its content, where it is to be longer.
static int memory_file(const char *name, const buffer *content, uint64_t length, holm_error **error) {
    cleanup_close int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || file_write_all(fd, content->data, content->length) < 0 ||
        (length && ftruncate(fd, (off_t)length) < 0)) {
        holm_error_set_errno(error, errno, "write the %s", name);
        return -1;
    }
    // QEMU opens it for reading only; a descriptor that cannot write is what an fd set needs for that.
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reading = open(path, O_RDONLY | O_CLOEXEC);
    if (reading < 0)
        holm_error_set_errno(error, errno, "open the %s", name);
    return reading;
}

// The layers and what joins them: the files' names are those of the fd sets they will be in.
static int open_layers(qemu_device *one, const machine_disk *disk, holm_error **error) {
    cleanup_free layers_disk_layer *layers = calloc(disk->layer_count, sizeof *layers);
    cleanup_free char(*names)[32] = calloc(disk->layer_count, sizeof *names);
    if (!layers || !names)
        abort();
    for (size_t i = 0; i < disk->layer_count; i++) {
        one->fds[2 + i] = open_disk_file(disk, disk->layers[i], true, &layers[i].bytes, error);
        if (one->fds[2 + i] < 0)
            return -1;
        snprintf(names[i], sizeof names[i], "/dev/fdset/%llu", (unsigned long long)(one->first_set + 2 + i));
        layers[i].name = names[i];
    }
    cleanup_buffer buffer table = BUFFER_INIT, descriptor = BUFFER_INIT;
    char table_name[32];
    snprintf(table_name, sizeof table_name, "/dev/fdset/%llu", (unsigned long long)(one->first_set + 1));
    one->bytes = layers_disk_bytes(layers, disk->layer_count);
    if (layers_disk_make(layers, disk->layer_count, table_name, &table, &descriptor, error) < 0 ||
        (one->fds[0] = memory_file("layers descriptor", &descriptor, 0, error)) < 0 ||
        (one->fds[1] = memory_file("partition table", &table, one->bytes, error)) < 0)
        return -1;
    return 0;
}

static int open_overlay(qemu_device *one, const machine_disk *disk, holm_error **error) {
    one->fds[0] = fcntl(disk->scratch, F_DUPFD_CLOEXEC, 0);
    one->fds[1] = open_disk_file(disk, disk->path, true, &one->bytes, error);
    return one->fds[1] < 0 ? -1 : overlay_disk_make(one->fds[0], one->bytes, error);
}

static int open_files(qemu_device *one, const machine_disk *disk, holm_error **error) {
    if (one->layers)
        return open_layers(one, disk, error);
    if (one->discards)
        return open_overlay(one, disk, error);
    one->fds[0] = open_disk_file(disk, disk->path, one->read_only, &one->bytes, error);
    return one->fds[0] < 0 ? -1 : 0;
}

static void device_append(machine *self, qemu_device *one) {
    qemu_device **at = &self->devices;
    while (*at)
        at = &(*at)->next;
    *at = one;
}

// ---- QMP ----

// A copy goes to the VMM. The original stays until the guest is there, for a second try.
static void give_fd(machine *self, const char *command, json_t *arguments, int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    qmp_execute(self->qmp, command, arguments, copy, qemu_expect, self);
}

char *qemu_disk_node(const qemu_device *one) {
    return one->content ? path_format("%.20s-%u", one->name, one->content) : strdup(one->name);
}

// What an overlay lies on.
static json_t *describe_beneath(const qemu_device *one) {
    char set[32];
    snprintf(set, sizeof set, "/dev/fdset/%llu", (unsigned long long)one->first_set + 1);
    return json_pack("{s:s, s:b, s:{s:s, s:s, s:b}}", "driver", "raw", "read-only", 1, "file", "driver",
                     "file", "filename", set, "read-only", 1);
}

void qemu_disk_give_node(machine *self, qemu_device *one) {
    cleanup_free char *node = qemu_disk_node(one);
    char set[32];
    for (size_t i = 0; i < one->fd_count; i++)
        give_fd(self, "add-fd", json_pack("{s:I}", "fdset-id", (json_int_t)(one->first_set + i)),
                one->fds[i]);
    snprintf(set, sizeof set, "/dev/fdset/%llu", (unsigned long long)one->first_set);
    // Every node has its driver: nothing that a guest wrote to its disk is ever taken for a format.
    json_t *file = one->placeholder
                       ? json_pack("{s:s, s:I, s:b, s:b}", "driver", "null-co", "size",
                                   (json_int_t)one->bytes, "read-zeroes", 1, "read-only", one->read_only)
                       : json_pack("{s:s, s:s, s:b, s:s}", "driver", "file", "filename", set, "read-only",
                                   one->read_only, "discard", "unmap");
    json_t *disk =
        json_pack("{s:s, s:s, s:b, s:s, s:o}", "driver",
                  one->layers     ? "vmdk"
                  : one->discards ? "qcow2"
                                  : "raw",
                  "node-name", node, "read-only", one->read_only, "discard", "unmap", "file", file);
    if (one->discards)
        json_object_set_new(disk, "backing", describe_beneath(one));
    qmp_execute(self->qmp, "blockdev-add", disk, -1, qemu_expect, self);
}

void qemu_disk_drop_node(machine *self, const char *node, uint64_t first_set, size_t fd_count) {
    qmp_execute(self->qmp, "blockdev-del", json_pack("{s:s}", "node-name", node), -1, NULL, NULL);
    for (size_t i = 0; i < fd_count; i++)
        qmp_execute(self->qmp, "remove-fd", json_pack("{s:I}", "fdset-id", (json_int_t)(first_set + i)), -1,
                    NULL, NULL);
}

static void give_disk(machine *self, qemu_device *one) {
    qemu_disk_give_node(self, one);
    char slot[8];
    snprintf(slot, sizeof slot, "0x%x", one->slot);
    char serial[21];
    snprintf(serial, sizeof serial, "%.20s", one->name);
    qmp_execute(self->qmp, "device_add",
                json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "driver", "virtio-blk-pci", "id", one->name,
                          "drive", one->name, "addr", slot, "serial", serial, "num-queues", 1),
                -1, qemu_expect, self);
}

static void give_card(machine *self, qemu_device *one) {
    char slot[8], mac[18];
    snprintf(slot, sizeof slot, "0x%x", one->slot);
    snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", one->mac[0], one->mac[1], one->mac[2],
             one->mac[3], one->mac[4], one->mac[5]);
    give_fd(self, "getfd", json_pack("{s:s}", "fdname", one->name), one->fds[0]);
    // The machine cannot tell the one from the other: a template's card becomes either.
    json_t *end = one->is_tap ? json_pack("{s:s, s:s, s:s}", "type", "tap", "id", one->name, "fd", one->name)
                              : json_pack("{s:s, s:s, s:{s:s, s:s}}", "type", "dgram", "id", one->name,
                                          "local", "type", "fd", "str", one->name);
    qmp_execute(self->qmp, "netdev_add", end, -1, qemu_expect, self);
    // Announcing is for guests that move. A loaded card that has it and nothing to announce (no rounds, see
    // qemu_clone_begin) has lost its timer, and QEMU 7.2 dies when the guest lets go of such a card.
    json_t *card =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "driver", "virtio-net-pci", "id", one->name,
                  "netdev", one->name, "mac", mac, "addr", slot, "romfile", "", "guest_announce", 0);
    if (one->mtu)
        json_object_set_new(card, "host_mtu", json_integer(one->mtu));
    qmp_execute(self->qmp, "device_add", card, -1, qemu_expect, self);
}

static void device_give(machine *self, qemu_device *one) {
    if (one->is_share)
        qemu_give_share(self, one);
    else if (one->is_card)
        give_card(self, one);
    else
        give_disk(self, one);
    one->given = true;
    if (self->state == QEMU_RUNNING)
        qemu_device_close_fds(one);
}

// To a VMM that has the others. A guest that runs stands still meanwhile: QEMU before 8.2 now and then dies
// where one thread changes the map of devices while a processor runs.
static void device_plug(machine *self, qemu_device *one) {
    bool runs = self->state == QEMU_RUNNING && !self->paused && !self->space;
    if (runs)
        qmp_execute(self->qmp, "stop", NULL, -1, qemu_expect, self);
    device_give(self, one);
    if (runs)
        qmp_execute(self->qmp, "cont", NULL, -1, qemu_expect, self);
}

void qemu_give_all(machine *self) {
    for (qemu_device *one = self->devices; one; one = one->next)
        // The state of a share cannot be saved, so no template has one: it is plugged as vsock is.
        if (!one->given && (self->plugged || !one->is_share))
            device_give(self, one);
}

// ---- the driver's slots ----

int qemu_disk_open(machine *self, qemu_device *one, const machine_disk *disk, holm_error **error) {
    one->layers = disk->layer_count > 0;
    one->discards = disk->discards;
    one->read_only = one->layers || disk->read_only;
    one->first_set = self->next_set;
    if (open_files(one, disk, error) < 0)
        return -1;
    self->next_set += one->fd_count;
    return 0;
}

int qemu_add_disk(machine *self, const machine_disk *disk, holm_error **error) {
    bool layers = disk->layer_count > 0;
    if (disk->layer_count > LAYERS_DISK_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "an image can have %d layers, not %zu", LAYERS_DISK_MOST,
                       disk->layer_count);
        return -1;
    }
    cleanup(device_cleanup) qemu_device *one = device_create(self, disk->name,
                                                             layers           ? 2 + disk->layer_count
                                                             : disk->discards ? 2
                                                                              : 1,
                                                             error);
    if (!one || qemu_disk_open(self, one, disk, error) < 0)
        return -1;
    device_append(self, one);
    if (self->plugged)
        device_plug(self, one);
    steal_pointer(&one);
    return 0;
}

int qemu_add_card(machine *self, const machine_card *card, holm_error **error) {
    cleanup_close int fd = card->fd;
    cleanup(device_cleanup) qemu_device *one = device_create(self, card->name, 1, error);
    if (!one)
        return -1;
    one->is_card = true;
    one->is_tap = card->is_tap;
    one->mtu = card->mtu;
    memcpy(one->mac, card->mac, sizeof one->mac);
    one->fds[0] = steal_fd(&fd);
    device_append(self, one);
    if (self->plugged)
        device_plug(self, one);
    steal_pointer(&one);
    return 0;
}

int qemu_add_share(machine *self, const machine_share *share, holm_error **error) {
    cleanup(device_cleanup) qemu_device *one = device_create(self, share->name, 0, error);
    if (!one)
        return -1;
    one->is_share = true;
    one->share = *share;
    snprintf(one->share_tag, sizeof one->share_tag, "%s", share->tag);
    device_append(self, one);
    if (self->plugged)
        device_plug(self, one);
    steal_pointer(&one);
    return 0;
}

char *qemu_devices_describe(const machine *self) {
    cleanup_buffer buffer text = BUFFER_INIT;
    for (const qemu_device *one = self->devices; one; one = one->next)
        if (!one->is_share)
            buffer_append_format(&text, "%s%s:%llu", one == self->devices ? "" : ",",
                                 one->is_card     ? "card"
                                 : one->read_only ? "ro"
                                                  : "rw",
                                 one->is_card ? (unsigned long long)one->mtu
                                              : (unsigned long long)one->bytes);
    return buffer_steal_text(&text);
}

static int pretend(machine *self, const char *kind, uint64_t number, holm_error **error) {
    char name[16];
    snprintf(name, sizeof name, "pretended%d", slot_free(self));
    if (strcmp(kind, "card") == 0) {
        int pair[2]; // whose other end nobody hears
        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0) {
            holm_error_set_errno(error, errno, "make a card's sockets");
            return -1;
        }
        close(pair[1]);
        return qemu_add_card(
            self, &(machine_card){.name = name, .mac = {2}, .fd = pair[0], .mtu = (unsigned)number}, error);
    }
    qemu_device *one = device_create(self, name, 0, error);
    if (!one)
        return -1;
    one->placeholder = true;
    one->read_only = strcmp(kind, "ro") == 0;
    one->bytes = number;
    device_append(self, one);
    return 0;
}

int qemu_devices_pretend(machine *self, const char *description, holm_error **error) {
    char kind[8];
    unsigned long long number;
    int length;
    for (const char *at = description; sscanf(at, "%7[a-z]:%llu%n", kind, &number, &length) == 2;) {
        if (pretend(self, kind, number, error) < 0)
            return -1;
        at += length + (at[length] == ',');
    }
    return 0;
}

int qemu_device_slot(const machine *self, const char *name) {
    const qemu_device *one = qemu_device_find(self, name);
    return one ? one->slot : -1;
}

// ---- taking out ----

static void device_answer(qemu_device *one, const holm_error *error) {
    machine_done done = one->removed;
    one->removed = NULL;
    one->removing = false;
    if (done)
        done(error, one->removed_data);
}

static void device_take_out(machine *self, qemu_device *one) {
    qemu_device **at = &self->devices;
    while (*at != one)
        at = &(*at)->next;
    *at = one->next;
    device_answer(one, NULL);
    device_free(one);
}

void qemu_device_deleted(machine *self, const char *name) {
    qemu_device *one = qemu_device_find(self, name);
    if (!one)
        return;
    if (one->is_share) {
        qmp_execute(self->qmp, "chardev-remove", json_pack("{s:s}", "id", one->name), -1, NULL, NULL);
    } else if (one->is_card) {
        qmp_execute(self->qmp, "netdev_del", json_pack("{s:s}", "id", one->name), -1, NULL, NULL);
    } else {
        cleanup_free char *node = qemu_disk_node(one);
        qemu_disk_drop_node(self, node, one->first_set, one->fd_count);
    }
    device_take_out(self, one);
}

typedef struct removal {
    machine *machine;
    char name[32];
} removal;

static void removal_answered(json_t *result, const holm_error *error, void *data) {
    cleanup_free removal *self = data;
    qemu_device *one = qemu_device_find(self->machine, self->name);
    (void)result;
    // Success only means that the guest was asked: DEVICE_DELETED says that it has let go.
    if (error && one && one->removing)
        device_answer(one, error);
}

void qemu_remove_device(machine *self, const char *name, machine_done done, void *data) {
    qemu_device *one = qemu_device_find(self, name);
    cleanup_error holm_error *error = NULL;
    if (!one)
        holm_error_set(&error, HOLM_ERROR_NOT_FOUND, "this machine has no device %s", name);
    else if (one->removing)
        holm_error_set(&error, HOLM_ERROR_IN_USE, "the device %s is being removed", name);
    else if (self->state > QEMU_RUNNING)
        holm_error_set(&error, HOLM_ERROR_STATE, "remove %s: the machine is stopping", name);
    if (error) {
        if (done)
            done(error, data);
        return;
    }
    one->removing = true;
    one->removed = done;
    one->removed_data = data;
    if (!one->given) {
        device_take_out(self, one);
        return;
    }
    removal *asked = calloc(1, sizeof *asked);
    if (!asked)
        abort();
    asked->machine = self;
    memcpy(asked->name, one->name, sizeof asked->name);
    qmp_execute(self->qmp, "device_del", json_pack("{s:s}", "id", one->name), -1, removal_answered, asked);
}

void qemu_devices_settle(machine *self) {
    for (qemu_device *one = self->devices; one; one = one->next)
        if (one->given)
            qemu_device_close_fds(one);
}

void qemu_devices_forget(machine *self) {
    for (qemu_device *one = self->devices; one; one = one->next)
        one->given = false;
}

void qemu_devices_finish(machine *self) {
    cleanup_error holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_CANCELLED, "the machine was closed");
    while (self->devices) {
        qemu_device *one = self->devices;
        self->devices = one->next;
        device_answer(one, error);
        device_free(one);
    }
}
