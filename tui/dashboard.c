// The loop of the dashboard: what wakes it, and when a frame is drawn. Nothing ticks: with nothing new it
// sleeps.
#include "tui/dashboard_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define ESCAPE_MS 25
#define FRAME_MS  8
#define SOON_MS   100
#define SETTLE_MS 40

layout_plan dashboard_layout(const dashboard *self) {
    return layout_compute(&self->ui, &self->model, self->frame.columns, self->frame.rows);
}

view_context dashboard_view(const dashboard *self) {
    return (view_context){.model = &self->model,
                          .ui = &self->ui,
                          .theme = &self->theme,
                          .glyphs = self->ui.plain ? glyphs_plain()
                                                   : glyphs_get(self->screen && screen_unicode(self->screen)),
                          .keymap = self->keymap,
                          .now = time(NULL)};
}

void dashboard_dirty(dashboard *self) {
    self->dirty = true;
}

static void draw_frame(dashboard *self) {
    self->dirty = false;
    uv_timer_stop(&self->pace);
    int columns, rows;
    screen_size(self->screen, &columns, &rows);
    columns = columns > 1000 ? 1000 : columns;
    rows = rows > 1000 ? 1000 : rows;
    if (columns != self->frame.columns || rows != self->frame.rows)
        grid_resize(&self->frame, columns, rows);
    dashboard_consoles_resize(self);
    layout_plan plan = dashboard_layout(self);
    layout_settle(&self->ui, &plan);
    view_context view = dashboard_view(self);
    view_draw(&view, &self->frame);
    screen_show(self->screen, &self->frame);
    self->drawn_ms = uv_now(self->loop);
}

static void on_pace(uv_timer_t *timer) {
    dashboard_dirty(timer->data);
}

void dashboard_dirty_soon(dashboard *self) {
    if (!self->dirty && !uv_is_active((uv_handle_t *)&self->pace))
        uv_timer_start(&self->pace, on_pace, SOON_MS, 0);
}

// Whether all that the first screen shows has come.
static bool has_begun_now(dashboard *self) {
    const model_state *model = &self->model;
    if (self->begun || !model->containers_known || !model->images_known || !model->networks_known ||
        !model->volumes_known || !model->system_known)
        return false;
    return self->begun = true;
}

// Right before the loop would sleep: everything of this turn is in one frame.
static void on_prepare(uv_prepare_t *prepare) {
    dashboard *self = prepare->data;
    dashboard_consoles_flush(self);
    if (!self->dirty || self->leaving || self->lent)
        return;
    uint64_t since = uv_now(self->loop) - self->drawn_ms;
    if (has_begun_now(self) || since >= FRAME_MS)
        draw_frame(self);
    else
        uv_timer_start(&self->pace, on_pace, FRAME_MS - since, 0);
}

void dashboard_leave(dashboard *self) {
    self->leaving = true;
    uv_stop(self->loop);
}

static void on_key(const input_event *event, void *data) {
    dashboard *self = data;
    if (!self->leaving)
        dashboard_key(self, event);
}

static void on_escape(uv_timer_t *timer) {
    dashboard *self = timer->data;
    input_flush(&self->input, on_key, self);
}

static void on_terminal(uv_poll_t *poll, int status, int events) {
    (void)events;
    dashboard *self = poll->data;
    char bytes[4096];
    ssize_t length = status < 0 ? 0 : read(self->terminal_fd, bytes, sizeof(bytes));
    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (length <= 0) { // the terminal is gone
        self->exit_code = 128 + SIGHUP;
        uv_poll_stop(poll);
        dashboard_leave(self);
        return;
    }
    if (self->lent) { // a key after its program has ended: back to the dashboard
        dashboard_custom_return(self);
        return;
    }
    uv_timer_stop(&self->escape);
    input_feed(&self->input, bytes, (size_t)length, on_key, self);
    if (input_pending(&self->input))
        uv_timer_start(&self->escape, on_escape, ESCAPE_MS, 0);
}

static void on_settle(uv_timer_t *timer) {
    dashboard_follow_selection(timer->data);
}

void dashboard_settle(dashboard *self) {
    dashboard_dirty(self);
    uv_timer_start(&self->settle, on_settle, SETTLE_MS, 0);
}

// With the program that has the terminal: only so does the shell take it back, and go on with both. Where no
// shell would, the kernel stops neither.
static void stop_together(void) {
    struct sigaction ours;
    sigaction(SIGTSTP, &(struct sigaction){.sa_handler = SIG_DFL}, &ours);
    raise(SIGTSTP);
    sigaction(SIGTSTP, &ours, NULL);
}

static void on_signal(uv_signal_t *handle, int number) {
    dashboard *self = handle->data;
    if (self->lent && (number == SIGINT || number == SIGQUIT))
        return; // meant for the program that has the terminal
    if (self->lent && number == SIGTSTP) {
        stop_together();
        return;
    }
    switch (number) {
    case SIGWINCH:
        dashboard_dirty(self);
        break;
    case SIGTSTP:
        screen_suspend(self->screen);
        dashboard_dirty(self);
        break;
    default:
        self->exit_code = 128 + number;
        dashboard_leave(self);
        break;
    }
}

static const int watched_signals[] = {SIGWINCH, SIGTSTP, SIGTERM, SIGHUP, SIGINT, SIGQUIT};

// libuv makes what it polls non-blocking for all who share the open file, such as the shell that we come back
// to. A terminal that belongs to another user (su) cannot be opened anew: its flags are put back when we
// leave.
static void open_terminal(dashboard *self) {
    self->terminal_flags = fcntl(STDIN_FILENO, F_GETFL);
    self->terminal_fd = open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (self->terminal_fd < 0)
        self->terminal_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    uv_poll_init(self->loop, &self->terminal, self->terminal_fd);
}

static void close_terminal(dashboard *self) {
    close(self->terminal_fd);
    fcntl(STDIN_FILENO, F_SETFL, self->terminal_flags);
}

static void start_handles(dashboard *self) {
    open_terminal(self);
    uv_prepare_init(self->loop, &self->draw);
    uv_timer_t *timers[] = {&self->escape, &self->pace, &self->settle, &self->look, &self->again};
    for (size_t i = 0; i < array_length(timers); i++) {
        uv_timer_init(self->loop, timers[i]);
        timers[i]->data = self;
    }
    self->terminal.data = self->draw.data = self;
    self->on_terminal = on_terminal;
    uv_poll_start(&self->terminal, UV_READABLE, on_terminal);
    uv_prepare_start(&self->draw, on_prepare);
    for (size_t i = 0; i < array_length(watched_signals); i++) {
        uv_signal_init(self->loop, &self->signals[i]);
        self->signals[i].data = self;
        uv_signal_start(&self->signals[i], on_signal, watched_signals[i]);
    }
}

static void close_handles(dashboard *self) {
    uv_handle_t *handles[] = {(uv_handle_t *)&self->terminal, (uv_handle_t *)&self->draw,
                              (uv_handle_t *)&self->escape,   (uv_handle_t *)&self->pace,
                              (uv_handle_t *)&self->settle,   (uv_handle_t *)&self->look,
                              (uv_handle_t *)&self->again};
    for (size_t i = 0; i < array_length(handles); i++)
        uv_close(handles[i], NULL);
    for (size_t i = 0; i < array_length(watched_signals); i++)
        uv_close((uv_handle_t *)&self->signals[i], NULL);
    uv_run(self->loop, UV_RUN_NOWAIT); // the closed handles let go
    close_terminal(self);
}

// A theme that cannot be read is said, and is no reason not to start.
void dashboard_choose_theme(dashboard *self) {
    int colors = screen_colors(self->screen);
    const char *wanted = json_string_value(holm_configuration_get(self->client, "theme.name"));
    const char *name = *self->theme_name ? self->theme_name : wanted;
    self->theme = *theme_builtin(colors);
    cleanup_error holm_error *error = NULL;
    if (name && colors &&
        theme_load(name, holm_configuration_directory(self->client), holm_share_directory(self->client),
                   colors, &self->theme, &error) < 0)
        dashboard_report(self, "theme", error);
}

static int prepare(dashboard *self, holm_error **error) {
    action_set_commands(holm_configuration_get(self->client, "command"));
    self->keymap = action_keymap_create(holm_configuration_get(self->client, "keys"),
                                        holm_configuration_get(self->client, "keys.origin"), error);
    if (!self->keymap)
        return -1;
    self->screen = screen_create(STDIN_FILENO, STDOUT_FILENO, error);
    if (!self->screen)
        return -1;
    history_open(&self->pulls, holm_data_directory(self->client), "pull");
    history_open(&self->commands, holm_data_directory(self->client), "command");
    self->model.host.cpu = -1;
    self->ui.logs.follow = true;
    self->ui.mouse = json_is_true(holm_configuration_get(self->client, "dashboard.mouse"));
    dashboard_state_load(self);
    dashboard_choose_theme(self);
    if (self->ui.mouse)
        screen_mouse(self->screen, true);
    return 0;
}

static void finish(dashboard *self) {
    if (self->screen)
        dashboard_state_save(self);
    screen_destroy(self->screen);
    action_keymap_destroy(self->keymap);
    history_save(&self->pulls);
    history_save(&self->commands);
    dashboard_custom_finish(self);
    dashboard_requests_disown(self);
    json_decref(self->reopen);
    free(self->files_path);
    ui_finish(&self->ui);
    model_finish(&self->model);
    grid_finish(&self->frame);
}

int dashboard_run(holm_client *client, uv_loop_t *loop, bool read_only, bool plain, holm_error **error) {
    dashboard *self = calloc(1, sizeof(*self));
    if (!self)
        abort();
    self->loop = loop;
    self->client = client;
    self->read_only = self->ui.read_only = read_only;
    self->ui.plain = plain || json_is_true(holm_configuration_get(client, "dashboard.plain"));
    int code = -1;
    holm_client_warm(client);
    if (prepare(self, error) == 0) {
        start_handles(self);
        dashboard_host_sample(self);
        dashboard_live_start(self);
        draw_frame(self); // the first frame is there before the first answer
        uv_run(loop, UV_RUN_DEFAULT);
        dashboard_detail_stop(self);
        dashboard_consoles_keep(self);
        dashboard_consoles_close(self);
        dashboard_live_stop(self);
        dashboard_custom_stop(self);
        close_handles(self);
        code = self->exit_code;
    }
    finish(self);
    free(self);
    return code;
}
