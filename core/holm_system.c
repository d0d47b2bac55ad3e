// What this machine and this build can do, and what should run after a boot.
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/container/restart.h"
#include "core/holm_doctor.h"
#include "core/holm_internal.h"
#include "vm/machine.h"

static json_t *text_or_null(const char *text) {
    return text ? json_string(text) : json_null();
}

static int gather(holm_request *self, state *db, holm_error **error) {
    holm_client *client = self->handle.client;
    cleanup_json json_t *containers = state_container_states(db, error);
    cleanup_json json_t *images = containers ? state_image_list(db, error) : NULL;
    if (!images)
        return -1;
    size_t running = 0;
    const char *id;
    json_t *now;
    json_object_foreach (containers, id, now)
        running += strcmp(json_string_value(now), "running") == 0;
    cleanup_free char *kernel = paths_find_kernel(&client->where, NULL);
    struct sysinfo memory = {0};
    struct utsname host = {0};
    sysinfo(&memory);
    uname(&host);
    self->result = json_pack("{s:s, s:s, s:o, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i}", "version",
                             HOLM_VERSION, "hostKernel", host.release, "kernel", text_or_null(kernel), "cpus",
                             (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "memoryBytes",
                             (json_int_t)memory.totalram * memory.mem_unit, "architecture", host.machine,
                             "dataDirectory", client->where.data, "runtimeDirectory", client->where.runtime,
                             "cacheDirectory", client->where.cache, "configurationDirectory",
                             client->where.config, "containers", (int)json_object_size(containers), "running",
                             (int)running, "images", (int)json_array_size(images));
    int percent = kernel ? -1 : doctor_kernel_percent(&client->where);
    json_object_set_new(self->result, "kernelBuildPercent",
                        percent < 0 ? json_null() : json_integer(percent));
    const char *why = NULL;
    machine_accelerator accelerator =
        kernel ? machine_accelerator_probe(client->where.cache, kernel, &why) : MACHINE_EMULATION;
    json_object_set_new(self->result, "accelerator",
                        json_string(accelerator == MACHINE_KVM ? "kvm" : "emulation"));
    json_object_set_new(self->result, "acceleratorReason",
                        json_string(why ? why : "the guest kernel is not built yet, so nothing was tried"));
    return 0;
}

void holm_system_information(holm_client *client, holm_done done, void *data) {
    holm_request_work(holm_request_create(client, done, data), gather, holm_request_finish);
}

// ---- after a boot ----

static int start_overdue(holm_request *self, state *db, holm_error **error) {
    holm_client *client = self->handle.client;
    if (container_reconcile_all(&client->where, db, error) < 0)
        return -1;
    cleanup_json json_t *list = state_container_list(db, true, error);
    if (!list)
        return -1;
    self->result = json_array();
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        if (!restart_overdue(document, true))
            continue;
        container_revive(&client->where, db, holm_document_id(document), false);
        cleanup_json json_t *now = state_container_get(db, holm_document_id(document), NULL);
        bool failed = strcmp(holm_document_status(now, "reason"), "start-failed") == 0;
        json_array_append_new(
            self->result,
            json_pack("{s:s, s:o}", "name", holm_document_configuration(document, "name"), "error",
                      failed ? json_string(holm_document_status(now, "error")) : json_null()));
    }
    return 0;
}

void holm_system_start(holm_client *client, holm_done done, void *data) {
    holm_request_work(holm_request_create(client, done, data), start_overdue, holm_request_finish);
}
