// Programs of the user's commands: in the background with their output kept, or with the whole terminal.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tui/dashboard_private.h"

#define RUNS_MOST   16
#define OUTPUT_MOST (64u << 10) // of each, from its end

typedef struct custom_run {
    dashboard *owner; ///< NULL: the dashboard is going
    struct custom_run *next;
    char *task, *title;
    bool terminal;
    uv_process_t process;
    uv_pipe_t pipes[2];
    unsigned open;          ///< handles
    char read[OUTPUT_MOST]; ///< as much at once as is kept: what is kept is made showable each time
    char *output;           ///< its last bytes
    size_t length;
} custom_run;

static void run_free(custom_run *self) {
    free(self->task);
    free(self->title);
    free(self->output);
    free(self);
}

static void on_closed(uv_handle_t *handle) {
    custom_run *self = handle->data;
    if (--self->open)
        return;
    for (custom_run **at = self->owner ? &self->owner->runs : NULL; at && *at; at = &(*at)->next) {
        if (*at == self) {
            *at = self->next;
            break;
        }
    }
    run_free(self);
}

static void close_handle(uv_handle_t *handle) {
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

// ---- output ----

static void keep(custom_run *self, const char *bytes, size_t length) {
    if (!self->output && !(self->output = malloc(OUTPUT_MOST)))
        abort();
    if (self->length + length > OUTPUT_MOST) {
        size_t gone = self->length + length - OUTPUT_MOST;
        memmove(self->output, self->output + gone, self->length - gone);
        self->length -= gone;
    }
    memcpy(self->output + self->length, bytes, length);
    self->length += length;
}

static void give_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *room) {
    custom_run *self = handle->data;
    (void)wanted;
    *room = uv_buf_init(self->read, sizeof self->read);
}

static void on_output(uv_stream_t *stream, ssize_t length, const uv_buf_t *room) {
    custom_run *self = stream->data;
    if (length < 0) {
        close_handle((uv_handle_t *)stream);
        return;
    }
    if (!self->owner || !length)
        return;
    keep(self, room->base, (size_t)length);
    model_command_output(&self->owner->model, self->task, self->output, self->length);
    dashboard_dirty_soon(self->owner);
}

// ---- the end ----

static void describe(char *out, size_t size, int64_t code, int number) {
    if (number)
        snprintf(out, size, "ended by signal %s", sigabbrev_np(number) ? sigabbrev_np(number) : "?");
    else
        snprintf(out, size, "exit code %lld", (long long)code);
}

static void on_exit_of(uv_process_t *process, int64_t code, int number) {
    custom_run *self = process->data;
    dashboard *owner = self->owner;
    char problem[64], text[256];
    close_handle((uv_handle_t *)process);
    if (!owner)
        return;
    describe(problem, sizeof problem, code, number);
    if (self->terminal) { // what it has printed stays until a key is pressed
        fprintf(stderr, "\n%s: %s. Enter goes back to the dashboard.\n", self->title, problem);
        uv_poll_start(&owner->terminal, UV_READABLE, owner->on_terminal);
        return;
    }
    bool failed = code || number;
    model_command_ended(&owner->model, self->task, failed ? problem : NULL);
    snprintf(text, sizeof text, "%.100s: %s", self->title, failed ? problem : "done");
    dashboard_files_changed(owner);
    ui_set_notice(&owner->ui, failed ? NOTICE_BAD : NOTICE_INFO, text);
    ui_refresh_list(&owner->ui, &owner->model, PANE_TASKS);
    dashboard_dirty(owner);
}

void dashboard_custom_return(dashboard *self) {
    self->lent = false;
    char rest[256]; // the line that was entered
    while (read(self->terminal_fd, rest, sizeof rest) > 0)
        ;
    screen_take_back(self->screen);
    if (self->ui.mouse)
        screen_mouse(self->screen, true);
    dashboard_list_all(self);
    dashboard_dirty(self);
}

// ---- the start ----

static int spawn(custom_run *self, char **argv, bool whole) {
    uv_stdio_container_t streams[3] = {{.flags = UV_IGNORE}};
    for (int i = 0; i < 3; i++)
        if (whole)
            streams[i] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = i};
        else if (i > 0)
            streams[i] = (uv_stdio_container_t){.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
                                                .data.stream = (uv_stream_t *)&self->pipes[i - 1]};
    uv_process_options_t options = {.exit_cb = on_exit_of,
                                    .file = argv[0],
                                    .args = argv,
                                    .stdio = streams,
                                    .stdio_count = 3,
                                    // A session of its own: ctrl-c is not for it, and it can be ended whole.
                                    .flags = whole ? 0 : UV_PROCESS_DETACHED};
    self->open = 1;
    for (int i = 0; !whole && i < 2; i++) {
        uv_pipe_init(self->owner->loop, &self->pipes[i], 0);
        self->pipes[i].data = self;
        self->open++;
    }
    self->process.data = self;
    return uv_spawn(self->owner->loop, &self->process, &options);
}

static void fail(custom_run *self, int problem) {
    char text[256];
    dashboard *owner = self->owner;
    snprintf(text, sizeof text, "%.100s: it cannot be started: %s", self->title, uv_strerror(problem));
    if (self->task)
        model_command_ended(&owner->model, self->task, text);
    ui_set_notice(&owner->ui, NOTICE_BAD, text);
    ui_refresh_list(&owner->ui, &owner->model, PANE_TASKS);
    dashboard_dirty(owner);
    close_handle((uv_handle_t *)&self->process);
    for (int i = 0; !self->terminal && i < 2; i++)
        close_handle((uv_handle_t *)&self->pipes[i]);
}

// The task is looked at, with what it prints.
static void show_task(dashboard *self, const char *id) {
    dashboard_go_to(self, PANE_TASKS, id);
    dashboard_open_detail(self);
}

size_t dashboard_programs_room(const dashboard *self) {
    size_t running = 0;
    for (const custom_run *at = self->runs; at; at = at->next)
        running++;
    return running < RUNS_MOST ? RUNS_MOST - running : 0;
}

void dashboard_program_start(dashboard *self, const char *title, const char *place, char **argv) {
    if (!dashboard_programs_room(self)) {
        ui_set_notice(&self->ui, NOTICE_BAD, "too many commands run at once");
        dashboard_dirty(self);
        return;
    }
    custom_run *run = calloc(1, sizeof *run);
    if (!run)
        abort();
    *run = (custom_run){.owner = self, .next = self->runs, .title = strdup(title)};
    run->terminal = strcmp(place, "terminal") == 0;
    self->runs = run;
    if (run->terminal) {
        uv_poll_stop(&self->terminal);
        screen_lend(self->screen);
        self->lent = true;
    } else {
        run->task = strdup(model_add_command(&self->model, title)->id);
        ui_refresh_list(&self->ui, &self->model, PANE_TASKS);
        if (strcmp(place, "pane") == 0)
            show_task(self, run->task);
    }
    int problem = spawn(run, argv, run->terminal);
    for (int i = 0; !problem && !run->terminal && i < 2; i++)
        uv_read_start((uv_stream_t *)&run->pipes[i], give_buffer, on_output);
    if (problem) {
        if (run->terminal) {
            uv_poll_start(&self->terminal, UV_READABLE, self->on_terminal);
            dashboard_custom_return(self);
        }
        fail(run, problem);
    }
    dashboard_dirty(self);
}

// Its whole session.
static void end(const custom_run *run) {
    if (!run->terminal && uv_is_active((const uv_handle_t *)&run->process))
        kill(-uv_process_get_pid(&run->process), SIGTERM);
}

bool dashboard_custom_cancel(dashboard *self, const char *task) {
    for (const custom_run *run = self->runs; run; run = run->next) {
        if (!run->task || strcmp(run->task, task) != 0)
            continue;
        end(run);
        ui_set_notice(&self->ui, NOTICE_INFO, "it has been told to end");
        dashboard_dirty(self);
        return true;
    }
    return false;
}

void dashboard_custom_stop(dashboard *self) {
    for (custom_run *run = self->runs, *next; run; run = next) {
        next = run->next;
        end(run);
        run->owner = NULL;
        close_handle((uv_handle_t *)&run->process);
        for (int i = 0; !run->terminal && i < 2; i++)
            close_handle((uv_handle_t *)&run->pipes[i]);
    }
    self->runs = NULL;
}
