// A share: vhost-user-fs, whose daemon reaches the guest's memory as vsock does.
#include <stdio.h>

#include "vm/qemu_internal.h"

void qemu_give_share(machine *self, qemu_device *one) {
    cleanup_error holm_error *error = NULL;
    int fd = one->share.open(one->share.data, &error);
    if (fd < 0) {
        qemu_problem(self, error);
        return;
    }
    qmp_execute(self->qmp, "getfd", json_pack("{s:s}", "fdname", one->name), fd, qemu_expect, self);
    json_t *address = json_pack("{s:s, s:{s:s}}", "type", "fd", "data", "str", one->name);
    json_t *backend =
        json_pack("{s:s, s:{s:o, s:b}}", "type", "socket", "data", "addr", address, "server", 0);
    qmp_execute(self->qmp, "chardev-add", json_pack("{s:s, s:o}", "id", one->name, "backend", backend), -1,
                qemu_expect, self);
    char slot[8];
    snprintf(slot, sizeof slot, "0x%x", one->slot);
    qmp_execute(self->qmp, "device_add",
                json_pack("{s:s, s:s, s:s, s:s, s:s}", "driver", "vhost-user-fs-pci", "id", one->name,
                          "chardev", one->name, "tag", one->share_tag, "addr", slot),
                -1, qemu_expect, self);
}
