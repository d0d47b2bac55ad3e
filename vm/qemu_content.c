// Another content for a disk that the guest has: for machines that are made before their container is known.
// The guest is not told; it must have nothing of the old one open or in its cache.
#include <stdio.h>
#include <string.h>

#include "core/base/path.h"
#include "vm/qemu_internal.h"

static int open_content(machine *self, const machine_disk *disk, const qemu_device *place, qemu_device *out,
                        holm_error **error) {
    out->fd_count = disk->layer_count ? 2 + disk->layer_count : disk->path ? 1 : 0;
    if (!(out->fds = malloc((out->fd_count + 1) * sizeof(int))))
        abort();
    for (size_t i = 0; i < out->fd_count; i++)
        out->fds[i] = -1;
    if (out->fd_count == 0) {
        *out = (qemu_device){
            .fds = out->fds, .placeholder = true, .bytes = place->bytes, .read_only = place->read_only};
        return 0;
    }
    if (qemu_disk_open(self, out, disk, error) < 0)
        return -1;
    if (out->bytes == place->bytes && out->read_only == place->read_only)
        return 0;
    holm_error_set(error, HOLM_ERROR_STATE, "the machine's disk %s is of another kind or size", place->name);
    return -1;
}

static void finish_content(qemu_device *self) {
    if (self->fds)
        qemu_device_close_fds(self);
    free(self->fds);
}

static void put(machine *self, qemu_device *place, qemu_device *content) {
    cleanup_free char *before = qemu_disk_node(place);
    uint64_t first_set = place->first_set;
    size_t fd_count = place->fd_count;
    free(place->fds);
    place->fds = steal_pointer(&content->fds);
    place->fd_count = content->fd_count;
    place->first_set = content->first_set;
    place->layers = content->layers;
    place->placeholder = content->placeholder;
    place->content++;
    qemu_disk_give_node(self, place);
    qemu_device_close_fds(place);
    cleanup_free char *node = qemu_disk_node(place),
                      *path = path_format("/machine/peripheral/%s", place->name);
    qmp_execute(self->qmp, "qom-set",
                json_pack("{s:s, s:s, s:s}", "path", path, "property", "drive", "value", node), -1,
                qemu_expect, self);
    qemu_disk_drop_node(self, before, first_set, fd_count);
}

int qemu_change_disk(machine *self, const machine_disk *disk, holm_error **error) {
    qemu_device *place = qemu_device_find(self, disk->name);
    if (!place || place->is_card || place->is_share || self->state != QEMU_RUNNING) {
        holm_error_set(error, HOLM_ERROR_STATE, "the machine has no disk %s", disk->name);
        return -1;
    }
    qemu_device content = {0};
    int result = open_content(self, disk, place, &content, error);
    if (result == 0)
        put(self, place, &content);
    finish_content(&content);
    return result;
}
