// Volumes.
#include "tui/dashboard_private.h"

static void open_volume(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_detail(self);
}

static void inspect(dashboard *self, const char *id) {
    (void)id;
    dashboard_show_tab(self, TAB_INSPECT);
    dashboard_open_detail(self);
}

const dashboard_handler dashboard_volume_handlers[] = {
    {"volume.open", open_volume},
    {"volume.inspect", inspect},
    {NULL, NULL},
};
