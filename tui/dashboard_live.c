// What comes from libholm by itself: lists when something happened, tasks, statistics.
#include <stdio.h>
#include <string.h>

#include "tui/dashboard_private.h"

#define STATS_MS 1000
#define AGAIN_MS 2000 // while the backend does not answer

struct request {
    dashboard *owner;
    dashboard_answer answer;
    char *id;
    struct request *next, **link;
};

void *dashboard_request(dashboard *self, const char *id, dashboard_answer answer) {
    struct request *request = calloc(1, sizeof(*request));
    if (!request)
        abort();
    request->owner = self;
    request->answer = answer;
    request->id = id ? strdup(id) : NULL;
    request->next = self->requests;
    request->link = &self->requests;
    if (request->next)
        request->next->link = &request->next;
    self->requests = request;
    return request;
}

static void request_unlink(struct request *request) {
    *request->link = request->next;
    if (request->next)
        request->next->link = request->link;
}

static void request_free(struct request *request) {
    free(request->id);
    free(request);
}

void dashboard_done(json_t *result, const holm_error *error, void *data) {
    struct request *request = data;
    dashboard *self = request->owner;
    if (self) {
        if (!self->leaving)
            request->answer(self, request->id, result, error);
        request_unlink(request);
    }
    request_free(request);
}

// The answers of what is still under way come when the dashboard is gone, while the loop runs out.
void dashboard_requests_disown(dashboard *self) {
    while (self->requests) {
        struct request *request = self->requests;
        request_unlink(request);
        request->owner = NULL;
    }
}

static void on_again(uv_timer_t *timer);

// Nobody tells when the backend answers again: it is asked.
static void ask_again(dashboard *self) {
    uv_timer_start(&self->again, on_again, AGAIN_MS, 0);
}

static void lost(dashboard *self, const holm_error *error) {
    model_set_lost(&self->model, holm_error_message(error));
    ask_again(self);
    dashboard_dirty(self);
}

// It is back when nothing is missing any more.
static void found(dashboard *self) {
    bool missing = !self->events;
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++)
        missing = missing || self->listing[pane].lost;
    if (!missing)
        model_set_lost(&self->model, NULL);
}

// ---- lists ----

static void list_containers_all(holm_client *client, json_t *filters, holm_done done, void *data) {
    holm_container_list(client, true, filters, done, data);
}

static const struct {
    void (*ask)(holm_client *client, json_t *filters, holm_done done, void *data);
    void (*set)(model_state *model, const json_t *documents);
    const char *kind; ///< of the events after which the list is another one
} sources[PANE_COUNT] = {
    [PANE_CONTAINERS] = {list_containers_all, model_set_containers, "container"},
    [PANE_IMAGES] = {holm_image_list, model_set_images, "image"},
    [PANE_NETWORKS] = {holm_network_list, model_set_networks, "network"},
    [PANE_VOLUMES] = {holm_volume_list, model_set_volumes, "volume"},
};

// What has the keys, but for the list itself; its id, or NULL.
static char *looked_at(const dashboard *self, ui_pane pane) {
    const ui_list *list = &self->ui.lists[pane];
    bool shown = self->ui.pane == pane && self->ui.focus != FOCUS_LIST;
    return shown && list->selected ? strdup(list->selected) : NULL;
}

static bool is_there(const dashboard *self, ui_pane pane, const char *id) {
    size_t count;
    const list_kind *kind = ui_kind(pane);
    const char *items = kind->items(&self->model, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(kind->id(items + i * kind->item_size), id) == 0)
            return true;
    return false;
}

// What was looked at is gone, and the cursor of the list is on another one: the keys must not go to that.
static void left_behind(dashboard *self, ui_pane pane, const char *id, const char *title) {
    bool typed = self->ui.focus == FOCUS_CONSOLE;
    const char *now = self->ui.lists[pane].selected;
    if (!now || strcmp(now, id) == 0) { // else the other half of two consoles has the keys
        self->ui.focus = FOCUS_LIST;
        self->ui.zoom = self->ui.detail_open = false;
    }
    char text[96];
    snprintf(text, sizeof(text), "%.80s is gone", title);
    if (!typed)
        ui_set_notice(&self->ui, NOTICE_INFO, text);
    else if (self->ui.overlay.kind == OVERLAY_NONE) // it takes what is still typed for the console
        dashboard_open_message(self, text, "The container was removed, and its console has ended.", false);
}

static void listed(dashboard *self, ui_pane pane, json_t *result, const holm_error *error) {
    self->listing[pane].asked = false;
    self->listing[pane].lost = error != NULL;
    if (error) {
        lost(self, error);
    } else {
        found(self);
        cleanup_free char *id = looked_at(self, pane);
        const void *item = ui_selected(&self->ui, &self->model, pane);
        cleanup_free char *title = id && item ? strdup(ui_kind(pane)->title(item)) : NULL;
        sources[pane].set(&self->model, result);
        bool gone = title && !is_there(self, pane, id);
        dashboard_consoles_sweep(self);
        if (gone)
            left_behind(self, pane, id, title);
        if (pane == PANE_CONTAINERS)
            dashboard_consoles_restore(self);
        dashboard_doctor_welcome(self);
        ui_refresh_list(&self->ui, &self->model, pane);
        dashboard_settle(self);
    }
    if (self->listing[pane].again)
        dashboard_list(self, pane);
}

#define LISTED(name_, pane_)                                                                      \
    static void name_(dashboard *self, const char *id, json_t *result, const holm_error *error) { \
        (void)id;                                                                                 \
        listed(self, pane_, result, error);                                                       \
    }
LISTED(on_containers, PANE_CONTAINERS)
LISTED(on_images, PANE_IMAGES)
LISTED(on_networks, PANE_NETWORKS)
LISTED(on_volumes, PANE_VOLUMES)

// Many events in a row end in one more list, not in one each.
void dashboard_list(dashboard *self, ui_pane pane) {
    static const dashboard_answer answers[PANE_COUNT] = {[PANE_CONTAINERS] = on_containers,
                                                         [PANE_IMAGES] = on_images,
                                                         [PANE_NETWORKS] = on_networks,
                                                         [PANE_VOLUMES] = on_volumes};
    self->listing[pane].again = self->listing[pane].asked;
    if (self->listing[pane].asked)
        return;
    self->listing[pane].asked = true;
    sources[pane].ask(self->client, NULL, dashboard_done, dashboard_request(self, NULL, answers[pane]));
}

void dashboard_list_all(dashboard *self) {
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++)
        if (sources[pane].ask)
            dashboard_list(self, pane);
}

static void on_system(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    (void)id;
    if (!error)
        model_set_system(&self->model, result);
    dashboard_doctor_welcome(self);
    dashboard_dirty(self);
}

void dashboard_system(dashboard *self) {
    holm_system_information(self->client, dashboard_done, dashboard_request(self, NULL, on_system));
}

static void on_event(holm_watch *watch, json_t *item, void *data) {
    (void)watch;
    dashboard *self = data;
    const char *kind = json_string_value(json_object_get(item, "kind"));
    model_add_event(&self->model, item);
    ui_refresh_list(&self->ui, &self->model, PANE_EVENTS);
    dashboard_dirty_soon(self);
    // Images, networks and volumes know which containers use them.
    bool container = kind && strcmp(kind, sources[PANE_CONTAINERS].kind) == 0;
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++)
        if (sources[pane].ask && kind && (container || strcmp(kind, sources[pane].kind) == 0))
            dashboard_list(self, pane);
}

static void on_events_ended(holm_watch *watch, const holm_error *error, void *data) {
    (void)watch;
    dashboard *self = data;
    self->events = NULL;
    if (error)
        lost(self, error);
    ask_again(self);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void on_task(holm_watch *watch, json_t *item, void *data) {
    (void)watch;
    dashboard *self = data;
    model_task *task = model_add_task(&self->model, item, now_ns());
    if (!task)
        return;
    bool done = task->done;
    ui_refresh_list(&self->ui, &self->model, PANE_TASKS);
    if (done) {
        char text[512];
        const char *outcome = task->failed ? task->error : task->phase;
        if (strncmp(outcome, task->kind, strlen(task->kind)) == 0)
            snprintf(text, sizeof(text), "%.400s", outcome);
        else
            snprintf(text, sizeof(text), "%.20s %.200s: %.200s", task->kind, task->subject, outcome);
        const char *run = action_keymap_keys(self->keymap, action_find("task.run"));
        if (strcmp(task->kind, "pull") == 0 && strcmp(task->phase, "done") == 0 && *run)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "; %.*s runs it",
                     (int)strcspn(run, " "), run);
        ui_set_notice(&self->ui, task->failed ? NOTICE_BAD : NOTICE_INFO, text);
        dashboard_list(self, PANE_IMAGES);
        dashboard_dirty(self);
    }
    dashboard_dirty_soon(self);
}

static void on_tasks_ended(holm_watch *watch, const holm_error *error, void *data) {
    (void)watch;
    (void)error;
    ((dashboard *)data)->tasks = NULL;
    ask_again(data);
}

static void on_stats(holm_watch *watch, json_t *item, void *data) {
    (void)watch;
    dashboard *self = data;
    if (!model_add_stats(&self->model, item))
        return;
    dashboard_host_sample(self);
    int sort = self->ui.lists[PANE_CONTAINERS].sort;
    if (sort && list_containers.columns[sort - 1].figure)
        ui_refresh_list(&self->ui, &self->model, PANE_CONTAINERS);
    const model_container *selected = ui_container(&self->ui, &self->model);
    const char *id = json_string_value(json_object_get(item, "id"));
    if (selected && id && strcmp(selected->id, id) == 0)
        dashboard_processes_refresh(self);
    dashboard_dirty_soon(self);
}

static void on_stats_ended(holm_watch *watch, const holm_error *error, void *data) {
    (void)watch;
    (void)error;
    ((dashboard *)data)->stats = NULL;
    ask_again(data);
}

// Those that are not open.
static void open_watches(dashboard *self) {
    if (!self->events)
        self->events = holm_event_watch(self->client, -1, 0, 0, on_event, on_events_ended, self);
    if (!self->tasks)
        self->tasks = holm_task_watch(self->client, on_task, on_tasks_ended, self);
    if (!self->stats)
        self->stats = holm_stats_watch(self->client, NULL, STATS_MS, on_stats, on_stats_ended, self);
}

static void on_again(uv_timer_t *timer) {
    dashboard *self = timer->data;
    open_watches(self);
    dashboard_list_all(self);
}

void dashboard_live_start(dashboard *self) {
    open_watches(self);
    dashboard_list_all(self);
    dashboard_system(self);
}

// A pull of ours: its progress comes by the task watch too, its end only matters when it cannot start.
typedef struct pull {
    dashboard *owner;
    holm_watch *watch;
    char *reference;
    struct pull *next;
    const char *what; // pull, push
} pull;

static void on_pull_ended(holm_watch *watch, const holm_error *error, void *data) {
    (void)watch;
    pull *mine = data;
    dashboard *self = mine->owner;
    for (pull **at = &self->pull_list; *at; at = &(*at)->next) {
        if (*at == mine) {
            *at = mine->next;
            break;
        }
    }
    if (error && holm_error_code_of(error) != HOLM_ERROR_CANCELLED) // that one has been said
        dashboard_report(self, mine->what, error);
    free(mine->reference);
    free(mine);
}

static void on_pull_item(holm_watch *watch, json_t *item, void *data) {
    const pull *mine = data;
    const char *id = json_string_value(json_object_get(item, "task"));
    on_task(watch, item, mine->owner);
    if (id && strcmp(mine->what, "pull") == 0)
        model_own_pull(&mine->owner->model, id, mine->reference);
}

static pull *follow_task(dashboard *self, const char *what, const char *reference) {
    pull *mine = calloc(1, sizeof(*mine));
    if (!mine)
        abort();
    mine->owner = self;
    mine->what = what;
    mine->reference = strdup(reference);
    mine->next = self->pull_list;
    self->pull_list = mine;
    dashboard_dirty(self);
    return mine;
}

void dashboard_pull(dashboard *self, const char *reference) {
    pull *mine = follow_task(self, "pull", reference);
    mine->watch = holm_image_pull(self->client, mine->reference, NULL, on_pull_item, on_pull_ended, mine);
}

void dashboard_push(dashboard *self, const char *reference) {
    pull *mine = follow_task(self, "push", reference);
    mine->watch = holm_image_push(self->client, mine->reference, NULL, on_pull_item, on_pull_ended, mine);
}

void dashboard_live_stop(dashboard *self) {
    holm_watch_close(self->events);
    holm_watch_close(self->tasks);
    holm_watch_close(self->stats);
    while (self->pull_list) {
        pull *mine = self->pull_list;
        self->pull_list = mine->next;
        holm_watch_close(mine->watch);
        free(mine->reference);
        free(mine);
    }
}
