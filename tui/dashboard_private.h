// The parts of the dashboard among themselves. Handlers change the model or the place and mark what is to be
// drawn; one function draws, once per turn of the loop.
#pragma once

#include "tui/console.h"
#include "tui/dashboard.h"
#include "tui/history.h"
#include "tui/screen.h"
#include "tui/view.h"

typedef struct dashboard {
    uv_loop_t *loop;
    holm_client *client;
    screen_state *screen;
    grid frame;
    model_state model;
    ui_state ui;
    theme_table theme;
    char theme_name[64]; ///< that the user has chosen; "": what the configuration says
    action_keymap *keymap;
    input_decoder input;
    history_file pulls, commands; ///< what was typed before
    history_file *typed;          ///< that of the open prompt, or NULL
    bool wrong;                   ///< what was entered last made no sense

    uv_poll_t terminal;
    uv_poll_cb on_terminal;
    int terminal_fd;    ///< what keys come from, opened anew
    int terminal_flags; ///< of standard input, as they were
    uv_prepare_t draw;
    uv_timer_t escape; ///< a lone escape is one after this
    uv_timer_t pace;   ///< a frame that has to wait for its time
    uv_timer_t settle; ///< the selection has come to rest
    uv_timer_t look;   ///< for the guest kernel, while it is being built
    uv_timer_t again;  ///< for a backend that does not answer
    uv_signal_t signals[6];
    bool dirty; ///< draw at the end of this turn
    bool begun; ///< all that the first screen shows has come
    bool leaving;
    bool examined;     ///< the doctor has been asked
    uint64_t drawn_ms; ///< when the last frame was drawn

    struct request *requests; ///< under way
    struct {
        bool asked, again, lost;
    } listing[PANE_COUNT];
    holm_watch *events, *tasks, *stats;
    struct pull *pull_list;
    struct log_source *log_sources[UI_LOG_SOURCES]; ///< as ui.logs.sources; NULL: ended
    bool processes_asked;
    char *files_path; ///< what the open prompt of the files tab is about

    console **consoles; ///< as ui.consoles
    size_t console_count;
    json_t *reopen;     ///< those that were open when the last dashboard was left, until they are again
    unsigned reopening; ///< containers that have been asked for their sessions

    const action *confirmed; ///< what the open question is about
    char **targets;          ///< ids it is for
    size_t target_count;
    void (*entered)(struct dashboard *self, const char *text); ///< what the open prompt is for
    void (*complete)(struct dashboard *self);                  ///< what tab does in it, or NULL
    char subject[256]; ///< the id of what the open list of names or prompt is about
    void (*chosen)(struct dashboard *self, const char *name); ///< what the open list of names is for
    void (*moved)(struct dashboard *self, const char *name);
    char **names; ///< all that may be chosen
    size_t name_count;

    struct custom_pending *pending; ///< a command of the user's that is being asked for
    struct custom_run *runs;        ///< those that run
    bool lent;                      ///< one of them has the terminal

    struct {
        layout_line line;
        int band;
        bool scroll; ///< the mark of a scroll bar
        int x, y;    ///< where it was taken
        int grip;    ///< rows between the mark's first and the pointer
        bool moved;
    } drag; ///< what the mouse has taken

    uint64_t cpu_busy, cpu_total; ///< of /proc/stat at the last reading
    uint64_t host_totals[4];      ///< bytes in, out, read, written at that time
    uint64_t host_ms;             ///< when it was; 0: never
    bool read_only;               ///< only what changes nothing
    int exit_code;
} dashboard;

void dashboard_dirty(dashboard *self);      ///< draw at the end of this turn
void dashboard_dirty_soon(dashboard *self); ///< figures only: draw within 100 ms
void dashboard_leave(dashboard *self);
layout_plan dashboard_layout(const dashboard *self);
view_context dashboard_view(const dashboard *self); ///< what a frame of now is drawn from
void dashboard_settle(dashboard *self); ///< the selection or the tab has changed: what hangs on it follows

// ---- requests (dashboard_live.c) ----

typedef void (*dashboard_answer)(dashboard *self, const char *id, json_t *result, const holm_error *error);

/// A request under way: give it to holm.h as data, with dashboard_done.
void *dashboard_request(dashboard *self, const char *id, dashboard_answer answer);
void dashboard_done(json_t *result, const holm_error *error, void *data);
void dashboard_requests_disown(dashboard *self);

void dashboard_live_start(dashboard *self);
void dashboard_live_stop(dashboard *self);
void dashboard_list(dashboard *self, ui_pane pane);
void dashboard_list_all(dashboard *self);
void dashboard_system(dashboard *self); ///< asks what this machine can do
void dashboard_pull(dashboard *self, const char *reference);
/// Goes on with the name or the tag in the open prompt (dashboard_complete.c).
void dashboard_complete_pull(dashboard *self);
void dashboard_push(dashboard *self, const char *reference);
void dashboard_host_sample(dashboard *self); ///< (dashboard_host.c)

// ---- the detail side (dashboard_detail.c) ----

void dashboard_follow_selection(dashboard *self);
void dashboard_detail_stop(dashboard *self);
bool dashboard_detail_visible(const dashboard *self);

// ---- logs (dashboard_logs.c) ----

/// Shows the container's logs, unless they are shown already.
void dashboard_logs_follow(dashboard *self, const model_container *container);
void dashboard_logs_close(dashboard *self);
/// Writes the lines that are shown into a new file, beside the loop; tells how it went.
void dashboard_logs_save(dashboard *self, const char *path);
void dashboard_processes_refresh(dashboard *self);

/// Puts the text (stolen; NULL: it is being read) on a tab; about another thing than before it starts at its
/// top.
void dashboard_set_text(ui_text *text, const char *id, char *content);

// ---- files (dashboard_files.c) ----

/// Reads the folder of the selected container, where the tab is in sight and has not done so.
void dashboard_files_follow(dashboard *self);
/// Something may have changed it: reads it anew, where it is in sight.
void dashboard_files_changed(dashboard *self);
void dashboard_files_scroll(dashboard *self, int64_t delta);
/// Leaves the file that is shown, or takes the filter away. False: there was neither.
bool dashboard_files_back(dashboard *self);
/// Whether this action of lists works there.
bool dashboard_files_take(const action *what);
/// A click on this row of the tab.
void dashboard_files_click(dashboard *self, int row);

// ---- consoles (dashboard_consoles.c) ----

void dashboard_console_open(dashboard *self, const char *id, const char *name, bool exec, bool start);
void dashboard_console_enter(dashboard *self);
/// The next console of the same container.
void dashboard_console_next(dashboard *self);
/// Makes this one (of ui.consoles) the one that has the keys.
void dashboard_console_use(dashboard *self, size_t index);
/// Two side by side, or one again. (dashboard_split.c)
void dashboard_console_split(dashboard *self);
void dashboard_console_other(dashboard *self);
/// Whether somebody sees it.
bool dashboard_console_visible(const dashboard *self, const ui_console *console);
/// The console is about to go: the other half has the keys then. False: it was none.
bool dashboard_split_lose(dashboard *self, const ui_console *console);
/// Opens a console on this session, without showing it; nothing where there is one already.
void dashboard_console_join(dashboard *self, const char *id, const char *session);
/// Attaches again to the sessions with a terminal that run in the container and are not open here.
void dashboard_consoles_reopen(dashboard *self, const char *id);
/// Closes those that have ended and whose container is gone: nothing leads to them any more.
void dashboard_consoles_sweep(dashboard *self);
void dashboard_consoles_resize(dashboard *self);
/// Gives their screens what has come in this turn of the loop.
void dashboard_consoles_flush(dashboard *self);
void dashboard_consoles_close(dashboard *self);
/// What is open, for the state that is kept (`reopen`); before they are closed. (dashboard_reopen.c)
void dashboard_consoles_keep(dashboard *self);
/// Joins again what was kept, once, when the containers are known.
void dashboard_consoles_restore(dashboard *self);
console *dashboard_console(dashboard *self);
/// The console that is shown at this place of the screen, whether it has the keys or not; NULL: none.
console *dashboard_console_at(dashboard *self, int x, int y);

// ---- keys (dashboard_keys.c, dashboard_actions.c, dashboard_act_*.c, dashboard_overlay.c) ----

void dashboard_key(dashboard *self, const input_event *event);
void dashboard_mouse(dashboard *self, const input_event *event); ///< also on what lies on top
/// Moves what has the cursor by so many rows, or scrolls.
void dashboard_move(dashboard *self, int64_t delta);
/// Scrolls the tab in sight by so many lines.
void dashboard_scroll(dashboard *self, int64_t delta);
/// The order of the list has changed.
void dashboard_sorted(dashboard *self);
/// Takes the choice that is selected in what lies on top.
void dashboard_choose(dashboard *self);
/// How the key is written in the keymap ("ctrl-p"); "" when it has no name.
const char *dashboard_key_name(const input_event *event, char out[24]);
/// Runs the action on `reference`, or on what is selected (NULL).
void dashboard_act(dashboard *self, const action *what, const char *reference);
/// Tells how it ended; the answer to a request on one container.
void dashboard_applied(dashboard *self, const char *id, json_t *result, const holm_error *error);
/// The same of what the lists do not show: says that it is done.
void dashboard_applied_saying(dashboard *self, const char *id, json_t *result, const holm_error *error,
                              const char *what);
#define DASHBOARD_SAYING(name_, what_)                                                            \
    static void name_(dashboard *self, const char *id, json_t *result, const holm_error *error) { \
        dashboard_applied_saying(self, id, result, error, what_);                                 \
    }
void dashboard_apply(dashboard *self, const action *what, const char *id);
/// The action on many things, as one task; on one, as it is.
void dashboard_apply_many(dashboard *self, const action *what, char **ids, size_t count);
/// Ids of the marked things that the action is for, in the order of the list; 0: none. The caller frees them.
size_t dashboard_marked(const dashboard *self, const action *what, char ***ids);
const list_kind *dashboard_kind(action_noun noun);
const char *dashboard_item_title(const dashboard *self, action_noun noun, const char *id);
/// "holm stop web db"; "" for what only the dashboard has. The caller frees it.
char *dashboard_command_line(const dashboard *self, const action *what, char **ids, size_t count);
/// The same on what is marked or selected.
char *dashboard_command_here(const dashboard *self, const action *what);
/// Whether the dashboard can do it at all (else it is for the command line).
bool dashboard_can(const action *what);
bool dashboard_applies(const dashboard *self, const action *what);

/// What an action does in the dashboard; id is that of the thing it is about ("" where it is about none).
/// Tables end with a NULL name.
typedef struct dashboard_handler {
    const char *name;
    void (*function)(dashboard *self, const char *id);
} dashboard_handler;

extern const dashboard_handler dashboard_view_handlers[], dashboard_list_handlers[],
    dashboard_logs_handlers[], dashboard_files_handlers[], dashboard_console_handlers[],
    dashboard_container_handlers[], dashboard_image_handlers[], dashboard_network_handlers[],
    dashboard_volume_handlers[], dashboard_task_handlers[], dashboard_event_handlers[],
    dashboard_system_handlers[];

/// Goes to this thing's pane and selects it, also where a filter hides it.
void dashboard_go_to(dashboard *self, ui_pane pane, const char *id);
void dashboard_open_detail(dashboard *self);
void dashboard_show_tab(dashboard *self, ui_tab tab);
void dashboard_step_tab(dashboard *self, int direction);

void dashboard_overlay_key(dashboard *self, const input_event *event);
/// Whether / looks for lines of what is shown, and does not filter a list.
bool dashboard_is_search(dashboard *self);
void dashboard_open_help(dashboard *self);
void dashboard_open_palette(dashboard *self, bool menu);
/// Fills what is chosen from anew, by what has been typed.
void dashboard_fill_choices(dashboard *self);
/// How much of what was typed describes the action; what follows names the thing. 0: nothing of it does.
size_t dashboard_described(const action *what, const char *text);
/// The palette's own keys, names and history (dashboard_palette.c). False: not for it.
bool dashboard_palette_key(dashboard *self, const input_event *event);
void dashboard_palette_look(dashboard *self); ///< shows the names that what is typed can go on with
void dashboard_palette_keep(dashboard *self, const action *what); ///< it has been chosen
bool dashboard_is_menu(const dashboard *self);                    ///< what is open is not the palette
/// Asks before the action is done on these things (ids are copied), and says what is lost.
void dashboard_confirm(dashboard *self, const action *what, char **ids, size_t count);
void dashboard_open_confirm(dashboard *self, const action *what, char **ids, size_t count, const char *text);
void dashboard_open_prompt(dashboard *self, const char *title, const char *text, const char *value,
                           void (*entered)(dashboard *self, const char *text));
void dashboard_open_run(dashboard *self, const char *image);
/// Lets a network be chosen that the container goes to, or leaves. (dashboard_act_network.c)
void dashboard_connect_container(dashboard *self, const char *id);
void dashboard_disconnect_container(dashboard *self, const char *id);

/// A list of names to choose from. `chosen` gets the name; `moved` (or NULL) each one that is passed, and
/// NULL when it is left without a choice.
void dashboard_open_choices(dashboard *self, const char *title, char *const *names, size_t count,
                            void (*chosen)(dashboard *self, const char *name),
                            void (*moved)(dashboard *self, const char *name));
void dashboard_open_columns(dashboard *self);
void dashboard_open_groups(dashboard *self);
void dashboard_open_themes(dashboard *self);
/// A theme that cannot be read is said, and is no reason not to start.
void dashboard_choose_theme(dashboard *self);
void dashboard_state_load(dashboard *self);
void dashboard_state_save(const dashboard *self);
/// For `entered`: says what is wrong with the text, and asks again.
void dashboard_prompt_wrong(dashboard *self, const char *problem);
void dashboard_open_message(dashboard *self, const char *title, const char *text, bool bad);
/// Takes the form's fields and runs what they say.
void dashboard_run_form(dashboard *self);
void dashboard_form_command(dashboard *self);
void dashboard_close_overlay(dashboard *self);

// ---- commands of the user's (dashboard_custom.c, dashboard_custom_run.c) ----

/// Asks what it has to ask, then runs it for each of these things (ids are copied).
void dashboard_custom(dashboard *self, const action *what, char *const *ids, size_t count);
/// The command line that it comes to; what it asks stays "{{question}}". The caller frees it.
char *dashboard_custom_line(const dashboard *self, const action *what, char *const *ids, size_t count);
/// How many more programs may run now.
size_t dashboard_programs_room(const dashboard *self);
/// The question has been answered with yes.
void dashboard_custom_confirmed(dashboard *self);
void dashboard_custom_finish(dashboard *self);
/// Starts the program in a place (as "output" of a command of the user's); argv (ends with NULL) is borrowed.
void dashboard_program_start(dashboard *self, const char *title, const char *place, char **argv);
/// Asks the program behind this task to end. False: it is no such task.
bool dashboard_custom_cancel(dashboard *self, const char *task);
/// The terminal is ours again, where a program that had it has ended.
void dashboard_custom_return(dashboard *self);
void dashboard_custom_stop(dashboard *self); ///< all of them, as the dashboard ends

// ---- command lines (dashboard_line.c) ----

/// Whether the dashboard runs the action's command line.
bool dashboard_line_can(const action *what);
/// Runs it for what is selected or marked, where it takes more once that was typed.
void dashboard_line(dashboard *self, const action *what);

/// What the doctor finds, on top of all.
void dashboard_open_doctor(dashboard *self);
void dashboard_doctor_key(dashboard *self, const input_event *event);
/// At the first start, with nothing here: what is missing, and how far the kernel is.
void dashboard_doctor_welcome(dashboard *self);

/// Puts the text on the clipboard and says `note`, or why it cannot. (dashboard_act_view.c)
void dashboard_copy(dashboard *self, const char *text, const char *note);
void dashboard_report(dashboard *self, const char *what, const holm_error *error);
