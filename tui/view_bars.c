// The first line (what the host does) and the last (what the keys do right here).
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tui/view.h"

static int host_cpu(const painter *self, int x) {
    const model_host *host = &self->view->model->host;
    if (host->cpu < 0)
        return x;
    x += paint(self, x, 0, 8, THEME_MUTED, "cpu ");
    rect clip = self->area;
    graph_spark(self->out, &clip, self->area.x + x, self->area.y, 6, &host->cpu_history, 100, 100,
                self->view->theme, THEME_CPU, self->view->glyphs);
    x += 7;
    x += paint_format(self, x, 0, THEME_HEADER, "%3.0f %%", host->cpu);
    return x + paint_format(self, x, 0, THEME_MUTED, " of %d", host->cpus) + 3;
}

static int host_memory(const painter *self, int x) {
    const model_host *host = &self->view->model->host;
    if (!host->memory_total)
        return x;
    const double gib = 1 << 30;
    x += paint(self, x, 0, 8, THEME_MUTED, "mem ");
    x += paint_format(self, x, 0, THEME_HEADER, "%.1f", (double)host->memory_used / gib);
    return x + paint_format(self, x, 0, THEME_MUTED, " / %.1f GiB", (double)host->memory_total / gib) + 3;
}

// From the right: what the machine can do, and the time.
static int header_right(const painter *self) {
    const model_state *model = self->view->model;
    char clock[8] = "";
    struct tm parts;
    time_t now = (time_t)self->view->now;
    if (self->area.width >= 70 && localtime_r(&now, &parts))
        strftime(clock, sizeof(clock), "%H:%M", &parts);
    const char *accelerator = !model->accelerator                      ? ""
                              : strcmp(model->accelerator, "kvm") == 0 ? "kvm"
                              : strcmp(model->accelerator, "tcg") == 0 ? "emulation"
                                                                       : model->accelerator;
    int width = cell_text_width(accelerator) + (*clock ? 7 : 0) + 1;
    int x = self->area.width - width;
    if (self->area.width < 60 || x < 40)
        return self->area.width;
    int used = paint(self, x, 0, 24, strcmp(accelerator, "kvm") == 0 ? THEME_GOOD : THEME_BUSY, accelerator);
    paint(self, x + used + 2, 0, 5, THEME_HEADER, clock);
    return x;
}

void view_header(const painter *self) {
    if (!self->area.height)
        return;
    const model_state *model = self->view->model;
    unsigned running = model_running_count(model);
    size_t stopped = model->container_count - running;
    int x = 1;
    x += paint(self, x, 0, 4, THEME_ACCENT, "holm") + 3;
    if (model->lost) {
        paint(self, x, 0, self->area.width - x, THEME_BAD, model->lost);
        return;
    }
    int right = header_right(self);
    if (self->view->ui->read_only)
        x += paint(self, x, 0, 12, THEME_BUSY, "read-only") + 3;
    x += paint_format(self, x, 0, running ? THEME_GOOD : THEME_MUTED, "%u", running);
    x += paint(self, x, 0, 9, THEME_HEADER, " running") + 2;
    unsigned unwell = 0;
    for (size_t i = 0; i < model->container_count; i++)
        unwell += model_container_unhealthy(&model->containers[i]);
    if (unwell)
        x += paint_format(self, x, 0, THEME_BAD, self->area.width < 50 ? "!%u" : "%u unhealthy", unwell) + 2;
    x += paint_format(self, x, 0, THEME_HEADER, "%zu", stopped);
    x += paint(self, x, 0, 9, THEME_MUTED, " stopped") + 3;
    if (right - x >= 24)
        x = host_cpu(self, x);
    if (right - x >= 24)
        x = host_memory(self, x);
    uint64_t back = model->host.given_back;
    char bytes[8];
    if (right - x >= 24 && back) {
        x += paint(self, x, 0, 12, THEME_MUTED, "given back ");
        paint(self, x, 0, 8, THEME_HEADER, view_bytes((double)back, bytes));
    }
}

// The keys worth a place in the last line, by where we are; the most useful first.
static const char *const container_keys[] = {"container.open", "container.exec",  "container.logs",
                                             "container.stop", "container.start", "container.restart",
                                             "container.rm",   "image.pull",      "list.filter",
                                             "view.palette",   "view.zoom",       NULL};
static const char *const image_keys[] = {"image.run",   "image.pull",   "image.rm", "image.inspect",
                                         "list.filter", "view.palette", NULL};
static const char *const task_keys[] = {"task.open",  "task.pause",     "task.cancel",  "task.run",
                                        "image.pull", "view.next-pane", "view.palette", NULL};
static const char *const network_keys[] = {
    "network.open",   "network.create", "network.rm",   "network.inspect",
    "view.next-pane", "list.filter",    "view.palette", NULL};
static const char *const volume_keys[] = {"volume.open",    "volume.create", "volume.rm",    "volume.inspect",
                                          "view.next-pane", "list.filter",   "view.palette", NULL};
static const char *const event_keys[] = {"event.open", "list.filter", "view.next-pane", "view.palette", NULL};
static const char *const detail_keys[] = {"view.back",      "view.previous-tab", "view.next-tab",
                                          "container.exec", "container.stop",    "container.start",
                                          "view.zoom",      "view.palette",      NULL};
// Of a pull, or of something else that is under way.
static const char *const progress_keys[] = {"view.back", "task.pause", "task.cancel",  "task.run",
                                            "view.zoom", "image.pull", "view.palette", NULL};
static const char *const event_detail_keys[] = {"view.back", "event.open",   "list.filter",
                                                "view.zoom", "view.palette", NULL};
static const char *const log_keys[] = {
    "view.back", "logs.follow", "logs.wrap", "logs.timestamps", "list.filter", "logs.filter", "logs.merge",
    "logs.boot", "logs.since",  "logs.save", "view.next-tab",   "view.zoom",   NULL};

static const char *const file_keys[] = {
    "files.open",  "files.up",  "files.copy-out",    "files.copy-in", "files.refresh",
    "list.filter", "view.back", "view.previous-tab", "view.next-tab", "view.zoom",
    NULL};
static const char *const view_keys[] = {"files.up", "list.filter", "files.copy-out", "view.zoom", NULL};

static const char *const *keys_here(const ui_state *ui) {
    switch (ui_noun(ui)) {
    case ACTION_NOUN_LOGS:
        return log_keys;
    case ACTION_NOUN_FILES:
        return ui->files.viewing ? view_keys : file_keys;
    case ACTION_NOUN_IMAGE:
        return ui->focus == FOCUS_LIST ? image_keys : detail_keys;
    case ACTION_NOUN_NETWORK:
        return ui->focus == FOCUS_LIST ? network_keys : detail_keys;
    case ACTION_NOUN_VOLUME:
        return ui->focus == FOCUS_LIST ? volume_keys : detail_keys;
    case ACTION_NOUN_TASK:
        return ui->focus == FOCUS_LIST ? task_keys : progress_keys;
    case ACTION_NOUN_EVENT:
        return ui->focus == FOCUS_LIST ? event_keys : event_detail_keys;
    default:
        return ui->focus == FOCUS_LIST ? container_keys : detail_keys;
    }
}

// Whether the action makes sense for what is selected.
static bool applies(const view_context *self, const action *what) {
    const model_container *container = ui_container(self->ui, self->model);
    if (self->ui->read_only && !(what->flags & ACTION_READONLY))
        return false;
    if (what->flags & ACTION_NO_ITEM)
        return true;
    if (what->noun == ACTION_NOUN_CONTAINER) {
        if (!container || self->ui->pane != PANE_CONTAINERS)
            return false;
        bool running = model_container_running(container);
        if (strcmp(what->name, "container.start") == 0 && running)
            return false;
        return !(what->flags & ACTION_RUNNING && !running) && !(what->flags & ACTION_STOPPED && running);
    }
    if (what->noun == ACTION_NOUN_FILES && what->flags & ACTION_RUNNING)
        return container && model_container_running(container);
    if (action_is_about_items(what->noun))
        return ui_kind(self->ui->pane)->noun == what->noun &&
               ui_selected(self->ui, self->model, self->ui->pane);
    return true;
}

static int one_key(const painter *self, int x, const char *keys, const char *title) {
    char first[24];
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(keys, " "), keys);
    const char *shown = strcmp(first, "enter") == 0 ? self->view->glyphs->enter : first;
    int width = cell_text_width(shown) + 1 + cell_text_width(title);
    if (x + width > self->area.width)
        return -1;
    x += paint(self, x, 0, 12, THEME_KEY, shown) + 1;
    return x + paint(self, x, 0, 24, THEME_FOOTER, title) + 2;
}

static int action_key(const painter *self, int x, const action *what) {
    int next = one_key(self, x, action_keymap_keys(self->view->keymap, what), what->title);
    rect area = {self->area.x + x, self->area.y, next - x, 1};
    if (next > 0)
        view_target_add(self->view, (view_target){.kind = TARGET_ACTION, .area = area, .action = what});
    return next;
}

static void input_line(const painter *self, const char *label, const line_edit *edit) {
    int x = 1;
    x += paint(self, x, 0, 20, THEME_KEY, label) + 1;
    int column = line_edit_column(edit), room = self->area.width - x - 1;
    paint(self, x, 0, room, THEME_INPUT, edit->text);
    self->out->cursor_visible = true;
    self->out->cursor_column = self->area.x + x + (column < room ? column : room);
    self->out->cursor_row = self->area.y;
}

static int hint(const painter *self, int x, const char *keys, const char *what) {
    if (!*keys || x + cell_text_width(keys) + cell_text_width(what) + 1 > self->area.width)
        return x;
    x += paint(self, x, 0, 40, THEME_KEY, keys) + 1;
    return x + paint(self, x, 0, 40, THEME_FOOTER, what) + 2;
}

static void copy_line(const painter *self, const ui_console *console) {
    const copy_mode *copy = &console->copy;
    if (copy->typing) {
        input_line(self, copy->back ? "?" : "/", &copy->input);
        return;
    }
    int x = 1 + paint(self, 1, 0, 12, THEME_MATCH, "looking back") + 2;
    if (*copy->search)
        x += paint_format(self, x, 0, THEME_MATCH, "%.40s: %zu lines", copy->search, copy->matches) + 2;
    x = hint(self, x, "space", "selects");
    x = hint(self, x, "enter", "copies");
    x = hint(self, x, "/", "finds");
    x = hint(self, x, "q", "leaves");
    size_t back = copy_mode_back(copy, console->screen);
    if (back && x + 16 < self->area.width)
        paint_format(self, x, 0, THEME_MUTED, "%zu lines up", back);
}

static void console_line(const painter *self) {
    const ui_console *console = ui_selected_console(self->view->ui, self->view->model);
    if (console && console->copy.on) {
        copy_line(self, console);
        return;
    }
    bool split = ui_is_split(self->view->ui, self->view->model);
    char keys[80] = "";
    int x = console && console->ended ? hint(self, 1, self->view->glyphs->enter, "leaves it, it has ended")
                                      : hint(self, 1, console ? console->leave : "",
                                             split ? "leaves" : "leaves, the program goes on");
    if (console && *console->leave) {
        size_t prefix = strcspn(console->leave, " ");
        snprintf(keys, sizeof keys, "%.*s ctrl-z", (int)prefix, console->leave);
        x = hint(self, x, keys, "zoom");
        snprintf(keys, sizeof keys, "%.*s [", (int)prefix, console->leave);
        x = hint(self, x, keys, "looks back");
        snprintf(keys, sizeof keys, "%.*s n", (int)prefix, console->leave);
        x = hint(self, x, keys, "next console");
        snprintf(keys, sizeof keys, "%.*s tab", (int)prefix, console->leave);
        x = split ? hint(self, x, keys, "other half") : x;
        snprintf(keys, sizeof keys, "%.*s |", (int)prefix, console->leave);
        if (self->area.width >= LAYOUT_SPLIT_COLUMNS)
            hint(self, x, keys, split ? "one only" : "split");
    } else if (console) {
        hint(self, x, "shift-pageup", "looks back");
    }
}

// What is always there, at the right end. Returns the columns it takes.
static int fixed_keys(const painter *self) {
    static const char *const names[] = {"view.help", "view.quit"};
    painter end = *self;
    int width = 0;
    for (int i = 1; i >= 0; i--) {
        const action *what = action_find(names[i]);
        const char *keys = action_keymap_keys(self->view->keymap, what);
        int need = (int)strcspn(keys, " ") + 1 + cell_text_width(what->title) + 1;
        if (!*keys || width + need > self->area.width / 2)
            continue;
        width += need;
        action_key(&end, self->area.width - width, what);
        width++;
    }
    return width;
}

// What does not fit on the last line goes up from there, over what is shown: an error says at its end what to
// do.
static void notice(const painter *self) {
    const ui_state *ui = self->view->ui;
    painter inside = *self;
    inside.area.width--;
    inside.area.height = 0; // only counts
    int most = self->area.y / 2 + 1, lines = paint_wrapped(&inside, 1, 0, THEME_TEXT, ui->notice);
    lines = lines < 1 ? 1 : lines > most ? most : lines;
    inside.area.y -= lines - 1;
    inside.area.height = lines;
    for (int y = 0; lines > 1 && y < lines; y++)
        for (int x = 0; x < self->area.width; x++)
            paint(&(painter){self->view, self->out, {self->area.x, inside.area.y, self->area.width, lines}},
                  x, y, 1, THEME_TEXT, " ");
    paint_wrapped(&inside, 1, 0, ui->notice_kind == NOTICE_BAD ? THEME_BAD : THEME_HEADER, ui->notice);
}

void view_footer(const painter *self) {
    const ui_state *ui = self->view->ui;
    if (ui->filtering) {
        input_line(self, "/", &ui->filter);
        return;
    }
    if (ui->focus == FOCUS_CONSOLE && !ui->notice) {
        console_line(self);
        return;
    }
    if (ui->notice) {
        notice(self);
        return;
    }
    int tail = fixed_keys(self), x = 1;
    painter rest = *self;
    rest.area.width -= tail;
    for (const char *const *name = keys_here(ui); *name; name++) {
        const action *what = action_find(*name);
        const char *keys = what ? action_keymap_keys(self->view->keymap, what) : "";
        if (!*keys || !applies(self->view, what))
            continue;
        int next = action_key(&rest, x, what);
        if (next < 0)
            break;
        x = next;
    }
}
