#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "core/base/path.h"
#include "guest/machine.h"
#include "guest/processors.h"
#include "guest/text.h"

#define LOG_MODULE "pci"
#include "core/base/log.h"

#ifdef __x86_64__
#include <sys/io.h>

// The hotplug registers of QEMU's i440FX machine (docs/specs/acpi_pci_hotplug): which bus is meant, and
// writing a slot's bit tells the machine that the guest has let go of it.
#define PORT_BUS   0xae10
#define PORT_EJECT 0xae08

static int tell_machine(unsigned slot, holm_error **error) {
    if (ioperm(PORT_EJECT, 4, 1) < 0 || ioperm(PORT_BUS, 4, 1) < 0) {
        holm_error_set_errno(error, errno, "reach the machine's eject port");
        return -1;
    }
    outl(0, PORT_BUS);
    outl(UINT32_C(1) << slot, PORT_EJECT);
    return 0;
}
#else
// Root ports answer by themselves once the device is gone.
static int tell_machine(unsigned slot, holm_error **error) {
    (void)slot, (void)error;
    return 0;
}
#endif

int machine_rescan_pci(holm_error **error) {
    return text_write("/sys/bus/pci/rescan", "1", error);
}

static void rescan_work(uv_work_t *work) {
    agent *self = work->data;
    cleanup_error holm_error *error = NULL;
    uint64_t begin = steps_now();
    if (machine_rescan_pci(&error) < 0)
        log_error("%s", holm_error_message(error)); // who waits for a device will say which one is missing
    agent_note_step(self, "rescan", begin);
}

static void rescan_done(uv_work_t *work, int status) {
    (void)work, (void)status;
}

void machine_rescan_begin(agent *self) {
    self->rescanned = true;
    self->rescan.data = self;
    uv_queue_work(self->loop, &self->rescan, rescan_work, rescan_done);
}

ProtobufCMessage *machine_rescan(agent *self, const ProtobufCMessage *message, holm_error **error) {
    (void)self, (void)message;
    if (processors_stop(error) < 0)
        return NULL;
    int result = machine_rescan_pci(error);
    return processors_start(result < 0 ? NULL : error) < 0 || result < 0 ? NULL : call_empty();
}

// Every function of the slot: "0000:00:SLOT.FUNCTION".
static int remove_devices(unsigned slot, holm_error **error) {
    char prefix[16];
    snprintf(prefix, sizeof prefix, "0000:00:%02x.", slot);
    cleanup_directory DIR *list = opendir("/sys/bus/pci/devices");
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        cleanup_free char *path = path_format("/sys/bus/pci/devices/%s/remove", entry->d_name);
        if (text_write(path, "1", error) < 0)
            return -1;
    }
    return 0;
}

ProtobufCMessage *machine_eject(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__EjectRequest *request = (const void *)message;
    (void)self;
    if (request->slot < 1 || request->slot > 31) {
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no PCI slot %u", request->slot);
        return NULL;
    }
    if (processors_stop(error) < 0)
        return NULL;
    int result = remove_devices(request->slot, error) < 0 || tell_machine(request->slot, error) < 0 ? -1 : 0;
    return processors_start(result < 0 ? NULL : error) < 0 || result < 0 ? NULL : call_empty();
}
