#include "tests/unit/tui/golden_scenes.h"

#include <stdio.h>
#include <string.h>

#include "tests/tui/fake/fake_holm.h"
#include "tui/text_search.h"

static void fill(dashboard *self, int containers) {
    json_t *list = fake_containers(containers, SCENE_NOW_NS), *images = fake_images(SCENE_NOW_NS);
    json_t *networks = fake_networks(SCENE_NOW_NS), *volumes = fake_volumes(SCENE_NOW_NS);
    json_t *events = fake_events(SCENE_NOW_NS), *event;
    size_t e;
    model_set_networks(&self->model, networks);
    model_set_volumes(&self->model, volumes);
    json_array_foreach (events, e, event)
        model_add_event(&self->model, event);
    json_decref(networks);
    json_decref(volumes);
    json_decref(events);
    model_set_containers(&self->model, list);
    model_set_images(&self->model, images);
    size_t i;
    json_t *item;
    for (unsigned step = 1; step <= 90; step++) {
        json_array_foreach (list, i, item) {
            json_t *stats = fake_stats(item, step, SCENE_NOW_NS + step * 1000000000LL);
            if (strcmp(json_string_value(json_object_get(json_object_get(item, "status"), "state")),
                       "running") == 0)
                model_add_stats(&self->model, stats);
            json_decref(stats);
        }
        model_host *host = &self->model.host;
        history_add(&host->cpu_history, 20 + step % 40);
        history_add(&host->memory_history, (double)((6ull << 30) + ((uint64_t)step << 23)));
        history_add(&host->rx_history, step % 30 * 40000.0);
        history_add(&host->tx_history, step % 20 * 9000.0);
        history_add(&host->read_history, step % 45 * 100000.0);
        history_add(&host->write_history, step % 15 * 700000.0);
        history_add(&host->thread_history, 600 + step);
    }
    self->model.host.cpu = 41;
    self->model.host.memory_total = 23ull << 30;
    self->model.host.memory_used = 7ull << 30;
    self->model.host.given_back = 3ull << 30;
    json_decref(list);
    json_decref(images);
}

static void refresh(dashboard *self) {
    for (ui_pane pane = 0; pane < PANE_COUNT; pane++)
        ui_refresh_list(&self->ui, &self->model, pane);
}

static void add_logs(dashboard *self) {
    static const char *const lines[] = {
        "10.88.0.1 - - \"GET / HTTP/1.1\" 200 615",
        "\x1b[32mready\x1b[0m to serve \x1b]0;evil title\a\x1b[2Jrequests",
        "worker process 7 exited with code 0",
        "sch\xc3\xb6n: \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e and a \ttab, a bell \a, an override \xe2\x80\xae "
        "here",
        "a line that is much longer than any pane is wide, so that it is cut or wrapped: "
        "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 the end",
    };
    const model_container *container = ui_container(&self->ui, &self->model);
    self->ui.logs.id = strdup(container->id);
    self->ui.logs.follow = true;
    for (int i = 0; i < 50; i++)
        log_buffer_add(&self->ui.logs.lines, 0, SCENE_NOW_NS + i * 7000000LL, i % 5 == 2 ? 2 : 1,
                       lines[i % 5], strlen(lines[i % 5]), false);
}

static void containers(dashboard *self) {
    fill(self, 6);
    refresh(self);
    add_logs(self);
}

static void many(dashboard *self) {
    fill(self, 200);
    self->ui.lists[PANE_CONTAINERS].sort = list_column_find(&list_containers, "cpu") + 1;
    refresh(self);
    ui_select(&self->ui, &self->model, PANE_CONTAINERS, 120);
}

static void filtered(dashboard *self) {
    containers(self);
    strcpy(self->ui.lists[PANE_CONTAINERS].filter, "alpine");
    self->ui.filtering = true;
    line_edit_set(&self->ui.filter, "alpine");
    ui_refresh_list(&self->ui, &self->model, PANE_CONTAINERS);
}

static void open_tab(dashboard *self, ui_tab tab) {
    containers(self);
    self->ui.focus = FOCUS_DETAIL;
    self->ui.detail_open = true;
    self->ui.tabs[PANE_CONTAINERS] = tab;
}

static void overview(dashboard *self) {
    open_tab(self, TAB_OVERVIEW);
}

static void unhealthy(dashboard *self) {
    open_tab(self, TAB_OVERVIEW);
    self->ui.lists[PANE_CONTAINERS].columns =
        list_usual_columns(&list_containers) | 1u << list_column_find(&list_containers, "health");
    ui_select(&self->ui, &self->model, PANE_CONTAINERS, 2);
}

static void stalled(dashboard *self) {
    open_tab(self, TAB_OVERVIEW);
    model_container *one = &self->model.containers[0];
    one->stalled = true;
    free(one->error);
    one->error = strdup("the disk of the host is full: it stands still until there is room");
    ui_select(&self->ui, &self->model, PANE_CONTAINERS, 0);
}

static void images(dashboard *self);

static void inspect(dashboard *self) {
    open_tab(self, TAB_INSPECT);
    ui_text *text = &self->ui.inspect;
    text->text = holm_text_document(ui_container(&self->ui, &self->model)->document, "json", NULL);
    for (const char *at = text->text; *at; at++)
        text->lines += *at == '\n';
    strcpy(text->search, "NaMe");
    text_search_go(text, 0);
    text_search_go(text, 1);
}

static void push_names(dashboard *self) {
    images(self);
    model_image *image = model_find_image(&self->model, self->ui.lists[PANE_IMAGES].selected);
    json_t *names = json_object_get(json_object_get(image->document, "configuration"), "references");
    json_array_append_new(names, json_string("registry.example:5000/me/web:stable"));
    dashboard_act(self, action_find("image.push"), NULL);
}

static void stats(dashboard *self) {
    open_tab(self, TAB_STATS);
}

// What is below: the host.
static void stats_host(dashboard *self) {
    stats(self);
    dashboard_scroll(self, 1000);
}

static void plain_stats(dashboard *self) {
    stats(self);
    self->ui.plain = true;
}

// Nothing is out of reach on a small screen.
static void overview_end(dashboard *self) {
    overview(self);
    dashboard_scroll(self, 1000);
}

static void logs(dashboard *self) {
    open_tab(self, TAB_LOGS);
    self->ui.logs.wrap = true;
    self->ui.logs.timestamps = true;
    strcpy(self->ui.logs.search, "worker");
}

static void logs_merged(dashboard *self) {
    static const char *const names[] = {"web", "database", "web"};
    open_tab(self, TAB_LOGS);
    ui_logs *shown = &self->ui.logs;
    shown->timestamps = shown->merged = true;
    shown->kind = LOGS_BOTH;
    for (size_t i = 0; i < array_length(names); i++)
        shown->sources[shown->source_count++] = (ui_log_source){strdup(names[i]), i == 2};
    for (size_t i = 0; i < shown->lines.count; i++)
        log_buffer_at(&shown->lines, i)->source = (uint16_t)(i % 3);
    log_buffer_at(&shown->lines, shown->lines.count - 2)->marked = true;
    strcpy(shown->filter, "!worker");
    strcpy(shown->search, "line");
}

static void files(dashboard *self) {
    open_tab(self, TAB_FILES);
    ui_files *shown = &self->ui.files;
    json_t *folder = fake_folder(SCENE_NOW_NS);
    shown->id = strdup(ui_container(&self->ui, &self->model)->id);
    shown->running = true;
    file_list_set(&shown->list, "/etc/nginx", folder);
    file_list_move(&shown->list, 4);
    json_decref(folder);
}

// One folder could not be opened; the filter leaves some of the other one.
static void files_filtered(dashboard *self) {
    files(self);
    ui_files *shown = &self->ui.files;
    shown->problem = strdup("open /etc/nginx/conf.d: No such file or directory");
    file_list_set_filter(&shown->list, "N");
}

static void files_problem(dashboard *self) {
    open_tab(self, TAB_FILES);
    self->ui.files.problem = strdup("the container web does not run, and what is on a disk that was not "
                                    "written to its end cannot be shown");
}

static void file_view(dashboard *self) {
    static const char text[] = "#!/bin/sh\nset -e\n\\x1b[31mred\n        exec nginx -g 'daemon off;'\n";
    files(self);
    ui_files *shown = &self->ui.files;
    shown->viewing = true;
    shown->title = strdup("/etc/nginx/entrypoint.sh: 300K, the first 256K of it");
    dashboard_set_text(&shown->view, "x", strdup(text));
    strcpy(shown->view.search, "exec");
}

static void plain_files(dashboard *self) {
    files(self);
    self->ui.plain = true;
}

static void no_output(const char *bytes, size_t length, void *data) {
    (void)bytes;
    (void)length;
    (void)data;
}

static void console_scene(dashboard *self) {
    static const char text[] =
        "\x1b]0;vi \xe2\x80\xae file\x07root@web:/# \x1b[1;31mred\x1b[0m \x1b[48;5;22m256"
        "\x1b[0m \x1b[38;2;1;2;3mtrue\x1b[0m \x1b[4munder\x1b[0m \x1b[7mreverse\x1b[0m\r\n"
        "\xe6\x97\xa5\xe6\x9c\xac e\xcc\x81 wide and combining\r\nroot@web:/# ";
    open_tab(self, TAB_CONSOLE);
    self->ui.focus = FOCUS_CONSOLE;
    const model_container *container = ui_container(&self->ui, &self->model);
    rect content = dashboard_layout(self).content;
    ui_console *made = calloc(1, sizeof(*made));
    made->container_id = strdup(container->id);
    made->label = strdup("shell-1");
    strcpy(made->leave, "ctrl-p ctrl-q");
    made->attached = made->terminal = true;
    made->screen = terminal_create(content.width, content.height, no_output, NULL);
    terminal_write(made->screen, text, sizeof(text) - 1);
    self->ui.consoles = calloc(1, sizeof(*self->ui.consoles));
    self->ui.consoles[0] = made;
    self->ui.console_count = 1;
}

// Another one beside it, of the second container; the keys are in the right one.
static void console_split(dashboard *self) {
    console_scene(self);
    ui_console *made = calloc(1, sizeof(*made));
    made->container_id = strdup(self->model.containers[1].id);
    made->label = strdup("shell-1");
    strcpy(made->leave, "ctrl-p ctrl-q");
    made->attached = made->terminal = true;
    made->screen = terminal_create(60, 20, no_output, NULL);
    terminal_write(made->screen, "postgres=# ", 11);
    self->ui.consoles = realloc(self->ui.consoles, 2 * sizeof(*self->ui.consoles));
    self->ui.consoles[self->ui.console_count++] = made;
    self->ui.split[0] = self->ui.consoles[0];
    self->ui.split[1] = made;
    self->ui.half = 1;
    self->ui.console = 1;
    ui_select(&self->ui, &self->model, PANE_CONTAINERS, 1);
}

static void console_back(dashboard *self) {
    console_scene(self);
    ui_console *shown = self->ui.consoles[0];
    char text[64];
    for (int i = 0; i < 100; i++)
        terminal_write(shown->screen, text,
                       (size_t)snprintf(text, sizeof(text), "line %d of \x1b[32mmany\x1b[0m\r\n", i));
    copy_mode_begin_search(&shown->copy, shown->screen);
    for (const char *at = "9 of\rnnvjj"; *at; at++)
        copy_mode_key(&shown->copy, shown->screen, &(input_event){.key = (unsigned char)*at});
}

static void console_none(dashboard *self) {
    open_tab(self, TAB_CONSOLE);
}

static void images(dashboard *self) {
    containers(self);
    ui_use_pane(&self->ui, PANE_IMAGES);
}

static void image_detail(dashboard *self) {
    images(self);
    self->ui.focus = FOCUS_DETAIL;
}

static void image_tab(dashboard *self, ui_tab tab) {
    image_detail(self);
    self->ui.tabs[PANE_IMAGES] = tab;
}

static void layers(dashboard *self) {
    image_tab(self, TAB_LAYERS);
}

static void configuration(dashboard *self) {
    image_tab(self, TAB_CONFIGURATION);
}

static void users(dashboard *self) {
    image_tab(self, TAB_USERS);
}

static void networks(dashboard *self) {
    containers(self);
    ui_use_pane(&self->ui, PANE_NETWORKS);
}

static void network(dashboard *self) {
    networks(self);
    self->ui.focus = FOCUS_DETAIL;
}

static void volumes(dashboard *self) {
    containers(self);
    ui_use_pane(&self->ui, PANE_VOLUMES);
}

static void volume(dashboard *self) {
    volumes(self);
    self->ui.focus = FOCUS_DETAIL;
}

static void events(dashboard *self) {
    containers(self);
    ui_use_pane(&self->ui, PANE_EVENTS);
}

static void marked(dashboard *self) {
    containers(self);
    strcpy(self->ui.lists[PANE_CONTAINERS].group, "network");
    ui_mark(&self->ui.lists[PANE_CONTAINERS], self->model.containers[0].id, true);
    ui_mark(&self->ui.lists[PANE_CONTAINERS], self->model.containers[2].id, true);
    refresh(self);
}

static void tasks(dashboard *self) {
    static const struct {
        const char *subject;
        unsigned step;
    } pulls[] = {
        {"docker.io/library/python:3.13", 31}, {"docker.io/library/bad", 6}, {"docker.io/library/go", 60}};
    containers(self);
    for (size_t i = 0; i < array_length(pulls); i++) {
        for (unsigned step = pulls[i].step - 1; step <= pulls[i].step; step++) {
            json_t *progress = fake_progress(pulls[i].subject, step, SCENE_NOW_NS);
            model_add_task(&self->model, progress, SCENE_NOW_NS + step * 1000000000LL);
            json_decref(progress);
        }
    }
    ui_refresh_list(&self->ui, &self->model, PANE_TASKS);
    ui_use_pane(&self->ui, PANE_TASKS);
}

// Why it failed can be read whole.
static void task_failed(dashboard *self) {
    tasks(self);
    for (size_t i = 0; i < self->ui.lists[PANE_TASKS].count; i++)
        if (((const model_task *)ui_item_at(&self->ui, &self->model, PANE_TASKS, i))->failed)
            ui_select(&self->ui, &self->model, PANE_TASKS, i);
    self->ui.focus = FOCUS_DETAIL;
    self->ui.detail_open = true;
}

static void command(dashboard *self) {
    static const char output[] = "sent 12 files\r\n\x1b]0;evil title\a\x1b[31mred\xe2\x80\xae\nno newline";
    containers(self);
    const char *first = model_add_command(&self->model, "holm network create --subnet 10.77.0.0/24 --label "
                                                        "team=platform --dns 10.0.0.53 --mtu 1400 back")
                            ->id;
    model_command_output(&self->model, first, output, sizeof(output) - 1);
    model_command_ended(&self->model, first, "exit code 3");
    model_add_command(&self->model, "watch it");
    ui_refresh_list(&self->ui, &self->model, PANE_TASKS);
    ui_use_pane(&self->ui, PANE_TASKS);
    ui_select(&self->ui, &self->model, PANE_TASKS, 1);
    self->ui.focus = FOCUS_DETAIL;
    self->ui.detail_open = true;
}

static void help(dashboard *self) {
    containers(self);
    dashboard_open_help(self);
}

static void palette(dashboard *self) {
    containers(self);
    dashboard_open_palette(self, false);
    const input_event keys[] = {{.key = 's'}, {.key = 't'}};
    for (size_t i = 0; i < array_length(keys); i++)
        dashboard_overlay_key(self, &keys[i]);
}

static void mouse(dashboard *self, int button, bool pressed, int x, int y) {
    dashboard_key(self,
                  &(input_event){.key = INPUT_MOUSE, .button = button, .x = x, .y = y, .pressed = pressed});
}

// The right button on the second container, near the edge of the screen.
static void menu_at(dashboard *self) {
    containers(self);
    rect list = dashboard_layout(self).panes[PANE_CONTAINERS];
    mouse(self, 2, true, list.x + list.width - 1, list.y + 2);
    mouse(self, 2, false, list.x + list.width - 1, list.y + 2);
}

static void drag(dashboard *self, int x, int y, int to_x, int to_y) {
    mouse(self, 0, true, x, y);
    mouse(self, 32, true, to_x, to_y);
    mouse(self, 0, false, to_x, to_y);
}

// Every line is taken somewhere else, and the long list is drawn down by the mark of its bar.
static void dragged(dashboard *self) {
    fill(self, 200);
    refresh(self);
    layout_plan plan = dashboard_layout(self);
    if (plan.kind == LAYOUT_WIDE) {
        drag(self, plan.detail.x, 10, plan.detail.x + 12, 10);
        plan = dashboard_layout(self);
        drag(self, 20, plan.bands[1].title, 20, plan.bands[1].title - 5);
        plan = dashboard_layout(self);
        drag(self, plan.bands[2].divider, plan.bands[2].title + 1, plan.bands[2].divider - 3, 0);
        plan = dashboard_layout(self);
    }
    rect list = plan.panes[PANE_CONTAINERS];
    drag(self, list.x + list.width, list.y + 1, list.x + list.width, list.y + list.height / 2);
}

static void confirm(dashboard *self) {
    containers(self);
    dashboard_act(self, action_find("container.rm"), NULL);
}

// Nothing of what is lost is out of reach on a small screen.
static void confirm_end(dashboard *self) {
    confirm(self);
    for (int i = 0; i < 30; i++)
        dashboard_overlay_key(self, &(input_event){.key = INPUT_DOWN});
}

static void prune(dashboard *self) {
    containers(self);
    dashboard_act(self, action_find("container.prune"), NULL);
}

// Its explanation is wider than 80 columns.
static void prune_all(dashboard *self) {
    containers(self);
    dashboard_act(self, action_find("system.prune"), NULL);
}

static void prompt(dashboard *self) {
    containers(self);
    dashboard_act(self, action_find("image.pull"), NULL);
}

static void form(dashboard *self) {
    containers(self);
    dashboard_open_run(self, "nginx:1.27");
    for (const char *c = "it's"; *c; c++)
        dashboard_overlay_key(self, &(input_event){.key = (unsigned char)*c});
}

static void form_full(dashboard *self) {
    static const char *const texts[] = {
        "web", "",    "8080:80 443:443", "data:/var/lib/data ./a\\ b:/srv:ro", "KEY=$(rm -rf)", "back",
        "2",   "512M"};
    containers(self);
    dashboard_open_run(self, "nginx:1.27");
    for (size_t i = 0; i < array_length(texts); i++) {
        for (const char *c = texts[i]; *c; c++)
            dashboard_overlay_key(self, &(input_event){.key = (unsigned char)*c});
        if (i + 1 < array_length(texts))
            dashboard_overlay_key(self, &(input_event){.key = INPUT_TAB});
    }
}

static void welcome(dashboard *self) {
    json_t *none = json_array(),
           *system = json_pack("{s:s, s:s, s:s, s:i}", "accelerator", "tcg", "acceleratorReason",
                               "/dev/kvm is not there", "kernel", "/cache/vmlinux", "cpus", 2);
    model_set_containers(&self->model, none);
    model_set_images(&self->model, none);
    model_set_system(&self->model, system);
    json_decref(none);
    json_decref(system);
}

static void welcome_volumes(dashboard *self) {
    volumes(self);
    welcome(self);
}

static void welcome_building(dashboard *self) {
    welcome(self);
    json_t *system = json_pack("{s:n, s:i, s:i}", "kernel", "kernelBuildPercent", 40, "cpus", 2);
    model_set_system(&self->model, system);
    json_decref(system);
}

static void doctor(dashboard *self) {
    containers(self);
    json_t *checks = fake_checks();
    model_set_checks(&self->model, checks);
    json_decref(checks);
    self->ui.overlay.kind = OVERLAY_DOCTOR;
    strcpy(self->ui.overlay.title, "doctor");
}

static void lost(dashboard *self) {
    containers(self);
    model_set_lost(&self->model, "state.db cannot be opened: the disk is full");
}

static void plain(dashboard *self) {
    containers(self);
    self->ui.plain = true;
    ui_select(&self->ui, &self->model, PANE_CONTAINERS, 1);
}

static void plain_detail(dashboard *self) {
    open_tab(self, TAB_OVERVIEW);
    self->ui.plain = true;
}

static void plain_logs(dashboard *self) {
    open_tab(self, TAB_LOGS);
    self->ui.plain = true;
}

static void plain_console(dashboard *self) {
    console_scene(self);
    self->ui.plain = true;
}

static void plain_menu(dashboard *self) {
    plain(self);
    dashboard_open_palette(self, true);
    dashboard_overlay_key(self, &(input_event){.key = INPUT_DOWN});
}

static void plain_confirm(dashboard *self) {
    plain(self);
    dashboard_act(self, action_find("container.rm"), NULL);
}

const scene scenes[] = {
    {"plain", plain},
    {"plain-detail", plain_detail},
    {"plain-logs", plain_logs},
    {"plain-console", plain_console},
    {"plain-files", plain_files},
    {"plain-menu", plain_menu},
    {"plain-confirm", plain_confirm},
    {"containers", containers},
    {"many", many},
    {"filtered", filtered},
    {"overview", overview},
    {"unhealthy", unhealthy},
    {"stalled", stalled},
    {"inspect", inspect},
    {"push-names", push_names},
    {"stats", stats},
    {"stats-host", stats_host},
    {"plain-stats", plain_stats},
    {"overview-end", overview_end},
    {"logs", logs},
    {"logs-merged", logs_merged},
    {"files", files},
    {"files-filtered", files_filtered},
    {"files-problem", files_problem},
    {"files-file", file_view},
    {"console", console_scene},
    {"console-none", console_none},
    {"console-back", console_back},
    {"console-split", console_split},
    {"images", images},
    {"image", image_detail},
    {"tasks", tasks},
    {"task-failed", task_failed},
    {"layers", layers},
    {"configuration", configuration},
    {"users", users},
    {"networks", networks},
    {"network", network},
    {"volumes", volumes},
    {"volume", volume},
    {"events", events},
    {"marked", marked},
    {"command", command},
    {"help", help},
    {"palette", palette},
    {"menu-at", menu_at},
    {"dragged", dragged},
    {"confirm", confirm},
    {"confirm-end", confirm_end},
    {"prune", prune},
    {"prune-all", prune_all},
    {"prompt", prompt},
    {"run", form},
    {"run-full", form_full},
    {"welcome", welcome},
    {"welcome-building", welcome_building},
    {"welcome-volumes", welcome_volumes},
    {"doctor", doctor},
    {"lost", lost},
};
const size_t scene_count = array_length(scenes);

dashboard *scene_create(const scene *which, int columns, int rows) {
    dashboard *self = calloc(1, sizeof(*self));
    if (!self)
        abort();
    self->loop = uv_default_loop();
    uv_timer_init(self->loop, &self->settle);
    self->keymap = action_keymap_create(NULL, NULL, NULL);
    self->theme = *theme_builtin(256);
    self->model.host.cpu = -1;
    self->model.host.cpus = 2;
    grid_resize(&self->frame, columns, rows);
    which->prepare(self);
    return self;
}

void scene_destroy(dashboard *self) {
    for (size_t i = 0; i < self->ui.console_count; i++) {
        terminal_destroy(self->ui.consoles[i]->screen);
        free(self->ui.consoles[i]->container_id);
        free(self->ui.consoles[i]->label);
        free(self->ui.consoles[i]);
    }
    uv_close((uv_handle_t *)&self->settle, NULL);
    uv_run(self->loop, UV_RUN_NOWAIT);
    dashboard_close_overlay(self);
    action_keymap_destroy(self->keymap);
    free(self->files_path);
    ui_finish(&self->ui);
    model_finish(&self->model);
    grid_finish(&self->frame);
    free(self);
}
