#include "tui/console.h"

#include <stdio.h>
#include <string.h>

#define MOST_KEYS  8
#define HOLD_MS    300
#define MOST_TAKEN (256u << 10)

// The terminal that is told to the program: xterm-256color, which is what the emulator does. Where the image
// has descriptions of terminals but not this one, the nearest that it has. Then the best shell there is.
#define INPUT_SHELL                                                                                       \
    "for t in xterm-256color xterm-color xterm vt220 vt100 linux; do f=${t%\"${t#?}\"}; "                 \
    "for d in \"$HOME/.terminfo\" /etc/terminfo /lib/terminfo /usr/share/terminfo /usr/lib/terminfo; do " \
    "[ -e \"$d/$f/$t\" ] && export TERM=$t && break 2; done; done; "                                      \
    "for s in bash zsh ash sh; do command -v $s >/dev/null 2>&1 && exec $s; done"

struct console {
    ui_console view;
    holm_session *session;
    uv_timer_t hold;
    console_events events;
    void *data;
    uint32_t detach[MOST_KEYS];
    int detach_count, held; ///< how many of the detach keys have been typed
    bool raw;               ///< without a terminal lines end in LF alone
    char *taken;            ///< what came in this turn of the loop
    size_t taken_length, taken_size;
};

static void changed(console *self) {
    self->events.changed(self, self->data);
}

static void on_terminal_output(const char *bytes, size_t length, void *data) {
    console *self = data;
    if (self->session)
        holm_session_write(self->session, bytes, length);
}

static void on_attached(holm_session *session, const char *name, bool is_terminal, void *data) {
    (void)session;
    console *self = data;
    self->view.attached = true;
    self->view.terminal = is_terminal;
    self->raw = !is_terminal;
    free(self->view.label);
    self->view.label = holm_text_escape(name ? name : "", name ? strlen(name) : 0);
    changed(self);
}

// A program's output comes in pieces of 4 KiB at most, for no terminal gives more at once. The emulator gets
// together what came in one turn of the loop: the more lines it sees, the more of them need no cells.
void console_flush(console *self) {
    if (!self->taken_length)
        return;
    terminal_write(self->view.screen, self->taken, self->taken_length);
    self->taken_length = 0;
    if (terminal_changed(self->view.screen))
        changed(self);
}

static void take(console *self, const char *bytes, size_t length) {
    if (self->taken_length + length > MOST_TAKEN)
        console_flush(self);
    size_t needed = self->taken_length + length;
    if (needed > self->taken_size) {
        self->taken_size = needed > 2 * self->taken_size ? needed : 2 * self->taken_size;
        self->taken = realloc(self->taken, self->taken_size);
        if (!self->taken)
            abort();
    }
    memcpy(self->taken + self->taken_length, bytes, length);
    self->taken_length = needed;
}

// Output of a process without a terminal: its line feeds mean new lines.
static void take_raw(console *self, const char *bytes, size_t length) {
    for (const char *end; (end = memchr(bytes, '\n', length)); bytes = end + 1) {
        take(self, bytes, (size_t)(end - bytes));
        take(self, "\r\n", 2);
        length -= (size_t)(end + 1 - bytes);
    }
    take(self, bytes, length);
}

static void on_output(holm_session *session, int stream, const void *bytes, size_t length, void *data) {
    (void)session;
    (void)stream;
    console *self = data;
    if (self->raw)
        take_raw(self, bytes, length);
    else
        take(self, bytes, length);
}

static void on_ended(holm_session *session, int exit_code, const holm_error *error, void *data) {
    (void)session;
    console *self = data;
    console_flush(self);
    self->session = NULL;
    self->view.ended = true;
    self->view.exit_code = exit_code;
    if (error) {
        const char *text = holm_error_message(error);
        self->view.error = holm_text_escape(text, strlen(text));
    }
    changed(self);
}

static const holm_session_events session_events = {
    .attached = on_attached, .output = on_output, .ended = on_ended};

int console_parse_keys(const char *text, uint32_t *out, int size) {
    int count = 0;
    while (*text) {
        size_t length = strcspn(text, ",");
        if (count == size)
            return -1;
        if (length == 6 && strncmp(text, "ctrl-", 5) == 0 && text[5] >= '@' && text[5] < 0x7f)
            out[count++] = text[5] & 0x1f;
        else if (length == 1)
            out[count++] = (unsigned char)*text;
        else
            return -1;
        text += length + (text[length] == ',');
    }
    return count;
}

static json_t *shell(void) {
    return json_pack("{s:[s,s,s], s:[s,s], s:b}", "arguments", "sh", "-c", INPUT_SHELL, "environment",
                     "TERM=xterm-256color", "COLORTERM=truecolor", "terminal", 1);
}

static void set_detach_keys(console *self, const char *keys) {
    self->detach_count = console_parse_keys(keys, self->detach, MOST_KEYS);
    if (self->detach_count < 0) {
        keys = "ctrl-p,ctrl-q";
        self->detach_count = console_parse_keys(keys, self->detach, MOST_KEYS);
    }
    snprintf(self->view.leave, sizeof self->view.leave, "%s", keys);
    for (char *at = self->view.leave; *at; at++)
        *at = *at == ',' ? ' ' : *at;
}

console *console_open(holm_client *client, uv_loop_t *loop, const console_options *options,
                      const console_events *events, void *data) {
    console *self = calloc(1, sizeof(*self));
    if (!self)
        abort();
    self->events = *events;
    self->data = data;
    self->view.container_id = strdup(options->container_id);
    self->view.container_name = strdup(options->container_name);
    self->view.label = strdup(options->session ? options->session : options->exec ? "shell" : "init");
    self->view.screen = terminal_create(options->columns, options->rows, on_terminal_output, self);
    set_detach_keys(self, options->detach_keys);
    uv_timer_init(loop, &self->hold);
    self->hold.data = self;
    json_t *exec = options->exec ? shell() : NULL;
    holm_session_options request = {
        .container = options->container_id,
        .session = options->session,
        .exec = exec,
        .start = options->start,
        .stdin_open = true,
        .repaint = true,
        .keep = true,
        .columns = (unsigned)options->columns,
        .rows = (unsigned)options->rows,
    };
    self->session = holm_session_open(client, &request, &session_events, self);
    json_decref(exec);
    return self;
}

static void free_console(uv_handle_t *handle) {
    free(handle->data);
}

void console_close(console *self) {
    if (!self)
        return;
    if (self->session)
        holm_session_close(self->session);
    self->session = NULL;
    terminal_destroy(self->view.screen);
    free(self->taken);
    free(self->view.container_id);
    free(self->view.container_name);
    free(self->view.label);
    free(self->view.error);
    uv_close((uv_handle_t *)&self->hold, free_console);
}

ui_console *console_view(console *self) {
    return &self->view;
}

// Sends what was held back: it was not the start of the detach keys after all.
static void flush_held(console *self) {
    uv_timer_stop(&self->hold);
    int count = self->held;
    self->held = 0;
    for (int i = 0; i < count; i++)
        terminal_key(self->view.screen, &(input_event){.key = self->detach[i]});
}

static void on_hold_end(uv_timer_t *timer) {
    flush_held(timer->data);
}

// Behind the first detach key: what else there is to do here.
static bool own_key(console *self, uint32_t key) {
    static const uint32_t keys[] = {INPUT_CTRL('z'), '[', '/', 'n', '|', INPUT_TAB};
    bool own = false;
    for (size_t i = 0; i < array_length(keys); i++)
        own = own || keys[i] == key;
    if (key == self->detach[self->held] || !own)
        return false;
    self->held = 0;
    uv_timer_stop(&self->hold);
    if (key == INPUT_CTRL('z'))
        self->events.zoom(self, self->data);
    else if (key == 'n')
        self->events.next(self, self->data);
    else if (key == '|')
        self->events.split(self, self->data);
    else if (key == INPUT_TAB)
        self->events.other(self, self->data);
    else
        console_look_back(self, key == '/');
    return true;
}

// True: the key belongs to the detach keys and is held back or has done its work.
static bool detach_key(console *self, const input_event *event) {
    if (!self->detach_count || event->modifiers)
        return false;
    if (self->held && own_key(self, event->key))
        return true;
    if (self->held && event->key != self->detach[self->held])
        flush_held(self);
    if (event->key != self->detach[self->held])
        return false;
    self->held++;
    if (self->held < self->detach_count) {
        uv_timer_start(&self->hold, on_hold_end, HOLD_MS, 0);
        return true;
    }
    self->held = 0;
    uv_timer_stop(&self->hold);
    self->events.left(self, self->data);
    return true;
}

// What was taken goes to the terminal's clipboard.
static void copied(console *self, char *text) {
    if (text && *text)
        self->events.copy(self, text, self->data);
    free(text);
    changed(self);
}

void console_scroll(console *self, int64_t lines) {
    copy_mode_scroll(&self->view.copy, self->view.screen, lines);
    changed(self);
}

// Shift with the page keys looks back.
static bool scroll_key(console *self, const input_event *event) {
    int64_t page = terminal_rows(self->view.screen) / 2 + 1;
    if (event->modifiers != INPUT_SHIFT || (event->key != INPUT_PAGE_UP && event->key != INPUT_PAGE_DOWN))
        return false;
    console_scroll(self, event->key == INPUT_PAGE_UP ? -page : page);
    return true;
}

// The mouse belongs to the program where it asks for it, unless we are looking back.
static void mouse_key(console *self, const input_event *event, const rect *at) {
    input_event inside = *event;
    inside.x -= at->x;
    inside.y -= at->y;
    if (terminal_wants_mouse(self->view.screen) && !self->view.copy.on)
        terminal_key(self->view.screen, &inside);
    else
        copied(self, copy_mode_mouse(&self->view.copy, self->view.screen, &inside));
}

void console_look_back(console *self, bool search) {
    if (search)
        copy_mode_begin_search(&self->view.copy, self->view.screen);
    else
        copy_mode_begin(&self->view.copy, self->view.screen);
    changed(self);
}

void console_key(console *self, const input_event *event, const rect *at) {
    if (event->key == INPUT_MOUSE) {
        mouse_key(self, event, at);
    } else if (scroll_key(self, event)) {
        return;
    } else if (self->view.copy.on) {
        copied(self, copy_mode_key(&self->view.copy, self->view.screen, event));
    } else if (detach_key(self, event)) {
        return;
    } else if (!self->view.ended) {
        terminal_key(self->view.screen, event);
    } else if (event->key == INPUT_ENTER || event->key == INPUT_ESCAPE) {
        // No other key: who types on while the program ends would do things to what is selected in the list.
        self->events.left(self, self->data);
    }
}

void console_resize(console *self, int columns, int rows) {
    if (columns < 2 || rows < 1 ||
        (columns == terminal_columns(self->view.screen) && rows == terminal_rows(self->view.screen)))
        return;
    terminal_resize(self->view.screen, columns, rows);
    if (self->session)
        holm_session_resize(self->session, (unsigned)columns, (unsigned)rows);
}
