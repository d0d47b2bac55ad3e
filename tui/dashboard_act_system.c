// This machine.
#include "tui/dashboard_private.h"
#include <stdio.h>

static void info(dashboard *self, const char *id) {
    (void)id;
    const model_state *m = &self->model;
    char text[1024];
    snprintf(text, sizeof(text),
             "version      %s\naccelerator  %s\n             %s\nkernel       %s\ncpus         %d",
             m->version ? m->version : "?", m->accelerator ? m->accelerator : "?",
             m->accelerator_reason ? m->accelerator_reason : "", m->kernel ? m->kernel : "?", m->host.cpus);
    dashboard_open_message(self, "this machine", text, false);
}

static void show_usage(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    static const char *const kinds[] = {"images", "containers", "volumes", "templates", "kernels"};
    char text[1024], size[8], rest[8];
    (void)id;
    if (error) {
        dashboard_report(self, "disk use", error);
        return;
    }
    int length =
        snprintf(text, sizeof(text), "%-12s %6s %7s %7s %12s", "", "total", "active", "size", "reclaimable");
    for (size_t i = 0; i < array_length(kinds); i++) {
        const json_t *kind = json_object_get(result, kinds[i]);
        length += snprintf(text + length, sizeof(text) - (size_t)length, "\n%-12s %6lld %7lld %7s %12s",
                           kinds[i], (long long)json_integer_value(json_object_get(kind, "total")),
                           (long long)json_integer_value(json_object_get(kind, "active")),
                           view_bytes(json_number_value(json_object_get(kind, "sizeBytes")), size),
                           view_bytes(json_number_value(json_object_get(kind, "reclaimableBytes")), rest));
    }
    snprintf(text + length, sizeof(text) - (size_t)length, "\n%-12s %6s %7s %7s %12s", "together", "", "",
             view_bytes(json_number_value(json_object_get(result, "sizeBytes")), size),
             view_bytes(json_number_value(json_object_get(result, "reclaimableBytes")), rest));
    dashboard_open_message(self, "disk use", text, false);
}

static void usage(dashboard *self, const char *id) {
    holm_system_usage(self->client, dashboard_done, dashboard_request(self, id, show_usage));
}

static void doctor(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_doctor(self);
}

const dashboard_handler dashboard_system_handlers[] = {
    {"system.info", info},
    {"system.df", usage},
    {"system.doctor", doctor},
    {NULL, NULL},
};
