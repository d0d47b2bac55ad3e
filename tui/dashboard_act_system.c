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

const dashboard_handler dashboard_system_handlers[] = {
    {"system.info", info},
    {NULL, NULL},
};
