// Reset: a machine that has rehearsed a start becomes as it was before, but for what its emulator has learnt.
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "guest/machine.h"
#include "guest/network.h"

// Exclusively: a file system that is still there has it, and must not see its disk become another one. Then
// nothing of it is remembered.
static int forget_disk(const char *device, unsigned partitions, holm_error **error) {
    if (!*device)
        return 0;
    cleanup_close int fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
    for (unsigned number = 1; fd >= 0 && number <= partitions; number++) {
        struct blkpg_partition partition = {.pno = (int)number};
        struct blkpg_ioctl_arg request = {
            .op = BLKPG_DEL_PARTITION, .datalen = sizeof partition, .data = &partition};
        if (ioctl(fd, BLKPG, &request) < 0) {
            holm_error_set_errno(error, errno, "forget partition %u of %s", number, device);
            return -1;
        }
    }
    if (fd >= 0 && ioctl(fd, BLKFLSBUF) == 0)
        return 0;
    holm_error_set_errno(error, errno, "forget what is on %s", device);
    return -1;
}

ProtobufCMessage *machine_reset(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__ResetRequest *request = (const void *)message;
    cleanup_buffer buffer problem = BUFFER_INIT;
    if (self->processes || self->preparing) {
        holm_error_set(error, HOLM_ERROR_STATE, "there are processes");
        return NULL;
    }
    sync();
    machine_unmount_all(&problem);
    if (problem.length) {
        holm_error_set(error, HOLM_ERROR_IN_USE, "%s", buffer_text(&problem));
        return NULL;
    }
    for (size_t i = 0; i < request->n_interfaces; i++)
        if (network_link_reset(request->interfaces[i], error) < 0)
            return NULL;
    if (request->root && (forget_disk(request->root->layers_device, request->root->layer_count, error) < 0 ||
                          forget_disk(request->root->writable_device, 0, error) < 0))
        return NULL;
    agent_forget(self);
    return call_empty();
}
