// The doctor on top of the dashboard, and at the first start.
#include "tui/dashboard_private.h"

#define LOOK_MS 1000 // while the guest kernel is being built

static void on_checks(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    (void)id;
    if (error)
        dashboard_report(self, "doctor", error);
    else
        model_set_checks(&self->model, result);
    dashboard_dirty(self);
}

static void examine(dashboard *self) {
    self->examined = true;
    holm_system_doctor(self->client, dashboard_done, dashboard_request(self, NULL, on_checks));
}

void dashboard_open_doctor(dashboard *self) {
    dashboard_close_overlay(self);
    self->ui.overlay.kind = OVERLAY_DOCTOR;
    snprintf(self->ui.overlay.title, sizeof(self->ui.overlay.title), "doctor");
    examine(self);
}

static void scroll(dashboard *self, int64_t delta) {
    view_context view = dashboard_view(self);
    int64_t most = (int64_t)view_doctor_most(&view, self->frame.columns, self->frame.rows);
    int64_t top = (int64_t)self->ui.overlay.top + delta;
    self->ui.overlay.top = top < 0 ? 0 : top > most ? (size_t)most : (size_t)top;
    dashboard_dirty(self);
}

void dashboard_doctor_key(dashboard *self, const input_event *event) {
    int64_t page = self->frame.rows > 8 ? self->frame.rows - 8 : 1;
    switch (event->key) {
    case 'j':
    case INPUT_DOWN:
        scroll(self, 1);
        break;
    case 'k':
    case INPUT_UP:
        scroll(self, -1);
        break;
    case INPUT_PAGE_DOWN:
    case ' ':
        scroll(self, page);
        break;
    case INPUT_PAGE_UP:
        scroll(self, -page);
        break;
    case 'r':
        examine(self);
        dashboard_system(self);
        break;
    case 'q':
    case INPUT_ENTER:
        dashboard_close_overlay(self);
        break;
    default:
        break;
    }
}

static void on_look(uv_timer_t *timer) {
    dashboard_system(timer->data);
}

// Nobody tells that a kernel is being built: while it is, and this screen is there, it is looked for.
void dashboard_doctor_welcome(dashboard *self) {
    const model_state *model = &self->model;
    if (!view_is_empty(model) || !model->system_known)
        return;
    if (!self->examined)
        examine(self);
    if (!model->kernel || !*model->kernel)
        uv_timer_start(&self->look, on_look, LOOK_MS, 0);
}
