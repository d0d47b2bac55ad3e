// Networks.
#include "tui/dashboard_private.h"

static void open_network(dashboard *self, const char *id) {
    (void)id;
    dashboard_open_detail(self);
}

static void inspect(dashboard *self, const char *id) {
    (void)id;
    dashboard_show_tab(self, TAB_INSPECT);
    dashboard_open_detail(self);
}

const dashboard_handler dashboard_network_handlers[] = {
    {"network.open", open_network},
    {"network.inspect", inspect},
    {NULL, NULL},
};
