#define NCURSES_WIDECHAR 1
#include "tui/screen.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <term.h>
#include <termios.h>

// term.h has a macro for every capability.
#undef columns
#undef lines
#undef cursor_visible

#include "tui/screen_color.h"
#include "tui/screen_guard.h"

#define MOUSE_ON  "\033[?1000h\033[?1002h\033[?1006h"
#define MOUSE_OFF "\033[?1006l\033[?1002l\033[?1000l"
#define PASTE_ON  "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

struct screen {
    int in, out;
    int frame; ///< a memory file in which curses writes a frame; -1 where there can be none
    FILE *in_file, *out_file;
    SCREEN *curses;
    grid last; ///< what is on the terminal
    int colors;
    bool unicode, whole, mouse, modern; ///< modern: knows bracketed paste and the mouse
};

static bool is_known(const char *type, int fd) {
    int problem;
    bool known = setupterm(type, fd, &problem) == OK;
    if (known)
        del_curterm(cur_term);
    return known;
}

static bool is_direct(const char *type, int fd) {
    int problem;
    if (setupterm(type, fd, &problem) != OK)
        return false;
    bool direct = tigetflag("RGB") == 1 || tigetnum("colors") > 256;
    del_curterm(cur_term);
    return direct;
}

static bool has_text(const char *name) {
    const char *value = getenv(name);
    return value && *value;
}

// The terminfo entry that makes the most of the terminal.
static char *choose_type(int fd) {
    const char *type = getenv("TERM"), *depth = getenv("COLORTERM");
    if (!type || !*type || !is_known(type, fd)) {
        static const char *const fallbacks[] = {"xterm-256color", "xterm", "vt100", "ansi"};
        for (size_t i = 0; i < array_length(fallbacks); i++)
            if (is_known(fallbacks[i], fd))
                return strdup(fallbacks[i]);
        return NULL;
    }
    bool wants_direct = depth && (strcmp(depth, "truecolor") == 0 || strcmp(depth, "24bit") == 0);
    if (!wants_direct || has_text("NO_COLOR") || is_direct(type, fd))
        return strdup(type);
    char candidate[128];
    int stem = (int)strcspn(type, "-");
    snprintf(candidate, sizeof(candidate), "%.*s-direct", stem, type);
    if (is_direct(candidate, fd))
        return strdup(candidate);
    return strdup(type);
}

static int count_colors(void) {
    if (has_text("NO_COLOR") || !has_colors() || start_color() == ERR || COLORS < 8)
        return 0;
    use_default_colors();
    return COLORS > 256 ? 1 << 24 : COLORS >= 256 ? 256 : COLORS >= 16 ? 16 : 8;
}

// The frame is made of Unicode whatever the locale: only what is shown depends on it.
static bool prepare_locale(void) {
    setlocale(LC_ALL, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
        return true;
    setlocale(LC_CTYPE, "C.UTF-8");
    return false;
}

static void modes(screen_state *self) {
    raw();
    noecho();
    nonl();
    typeahead(-1);
    leaveok(stdscr, FALSE);
    if (self->modern)
        putp(PASTE_ON);
    if (self->modern && self->mouse)
        putp(MOUSE_ON);
}

screen_state *screen_create(int in, int out, holm_error **error) {
    if (!isatty(in) || !isatty(out)) {
        holm_error_set(error, HOLM_ERROR_UNSUPPORTED, "the dashboard needs a terminal on input and output");
        holm_error_hint(error, "`holm --help` lists the commands that work without one");
        return NULL;
    }
    bool unicode = prepare_locale();
    cleanup_free char *type = choose_type(out);
    struct termios before;
    tcgetattr(out, &before);
    FILE *in_file = fdopen(fcntl(in, F_DUPFD_CLOEXEC, 3), "r"),
         *out_file = fdopen(fcntl(out, F_DUPFD_CLOEXEC, 3), "w");
    SCREEN *curses = type && in_file && out_file ? newterm(type, out_file, in_file) : NULL;
    if (!curses) {
        holm_error_set(error, HOLM_ERROR_UNSUPPORTED, "terminal %s cannot be used",
                       type ? type : "of no type");
        holm_error_hint(error, "set TERM to what your terminal is, for example xterm-256color");
        if (in_file)
            fclose(in_file);
        if (out_file)
            fclose(out_file);
        return NULL;
    }
    screen_state *self = calloc(1, sizeof(*self));
    if (!self)
        abort();
    *self = (screen_state){.in = in,
                           .out = out,
                           .frame = memfd_create("frame", MFD_CLOEXEC),
                           .in_file = in_file,
                           .out_file = out_file,
                           .curses = curses,
                           .unicode = unicode,
                           .whole = true};
    self->modern = strcmp(type, "linux") != 0 && strcmp(type, "dumb") != 0 && strncmp(type, "vt", 2) != 0;
    self->colors = count_colors();
    modes(self);
    screen_guard_prepare(out, &before, self->modern ? PASTE_OFF MOUSE_OFF : "");
    return self;
}

static void leave(screen_state *self) {
    if (self->modern)
        putp(PASTE_OFF MOUSE_OFF);
    curs_set(1);
    endwin();
    screen_guard_hold(false);
}

void screen_destroy(screen_state *self) {
    if (!self)
        return;
    leave(self);
    screen_guard_drop();
    delscreen(self->curses);
    fclose(self->in_file);
    fclose(self->out_file);
    if (self->frame >= 0)
        close(self->frame);
    grid_finish(&self->last);
    free(self);
}

int screen_colors(const screen_state *self) {
    return self->colors;
}

bool screen_unicode(const screen_state *self) {
    return self->unicode;
}

void screen_size(const screen_state *self, int *columns, int *rows) {
    struct winsize size = {0};
    ioctl(self->out, TIOCGWINSZ, &size);
    *columns = size.ws_col ? size.ws_col : 80;
    *rows = size.ws_row ? size.ws_row : 24;
}

static attr_t convert_attributes(uint16_t attributes) {
    return (attributes & CELL_BOLD ? A_BOLD : 0) | (attributes & CELL_DIM ? A_DIM : 0) |
           (attributes & CELL_ITALIC ? A_ITALIC : 0) | (attributes & CELL_UNDERLINE ? A_UNDERLINE : 0) |
           (attributes & CELL_REVERSE ? A_REVERSE : 0) | (attributes & CELL_BLINK ? A_BLINK : 0);
}

// How curses names a style. Neighbours mostly share it, and finding out takes longer than to show a cell.
typedef struct pen {
    cell_style style;
    attr_t attributes;
    int pair;
    bool known;
} pen;

static void pen_take(pen *self, const screen_state *screen, const cell_style *style) {
    bool bold = false, unused = false;
    if (self->known && cell_style_equal(&self->style, style))
        return;
    *self = (pen){.style = *style, .attributes = convert_attributes(style->attributes), .known = true};
    if (!screen->colors)
        return;
    int fg = screen_color_number(style->fg, screen->colors, &bold);
    int bg = screen_color_number(style->bg, screen->colors, &unused);
    int pair = fg < 0 && bg < 0 ? 0 : alloc_pair(fg, bg);
    self->pair = pair < 0 ? 0 : pair;
    if (bold)
        self->attributes |= A_BOLD;
}

static void put_cell(const screen_state *self, int x, int y, const cell *from, const pen *with) {
    wchar_t text[CELL_CHARS + 1] = {0};
    for (int i = 0; i < CELL_CHARS && from->chars[i]; i++)
        text[i] = self->unicode || from->chars[i] < 0x7f ? (wchar_t)from->chars[i] : L'?';
    if (!self->unicode)
        text[1] = 0;
    cchar_t character;
    setcchar(&character, text, with->attributes, 0, &with->pair);
    mvadd_wch(y, x, &character);
    if (!self->unicode && from->width == 2)
        mvadd_wch(y, x + 1, &character);
}

static bool resize(screen_state *self, const grid *frame) {
    if (self->last.columns == frame->columns && self->last.rows == frame->rows)
        return false;
    resizeterm(frame->rows, frame->columns);
    grid_resize(&self->last, frame->columns, frame->rows);
    return true;
}

// Past curses, between two frames of it.
static void send_bytes(const screen_state *self, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t done = write(self->out, bytes, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return;
        bytes += done;
        length -= (size_t)done;
    }
}

static void send_text(const screen_state *self, const char *text) {
    send_bytes(self, text, strlen(text));
}

// curses writes whenever it has moved the cursor, some two hundred times for a screen, and the terminal would
// wake up for each. So it writes into memory, and the terminal gets the frame as one.
static void refresh_at_once(screen_state *self) {
    int terminal = self->frame < 0 ? -1 : fileno(self->out_file);
    if (terminal < 0 || dup3(self->frame, terminal, O_CLOEXEC) < 0) {
        refresh();
        return;
    }
    refresh();
    dup3(self->out, terminal, O_CLOEXEC);
    off_t length = lseek(self->frame, 0, SEEK_CUR);
    void *bytes = length > 0 ? mmap(NULL, (size_t)length, PROT_READ, MAP_SHARED, self->frame, 0) : MAP_FAILED;
    if (bytes != MAP_FAILED) {
        send_bytes(self, bytes, (size_t)length);
        munmap(bytes, (size_t)length);
    }
    lseek(self->frame, 0, SEEK_SET);
}

void screen_show(screen_state *self, const grid *frame) {
    bool whole = resize(self, frame) || self->whole;
    if (whole) {
        erase();
        clearok(stdscr, TRUE);
    }
    pen with = {0};
    for (int y = 0; y < frame->rows; y++) {
        for (int x = 0; x < frame->columns; x++) {
            const cell *at = grid_at(frame, x, y);
            cell *before = grid_at(&self->last, x, y);
            if (!whole && cell_equal(at, before))
                continue;
            *before = *at;
            if (!at->width)
                continue;
            pen_take(&with, self, &at->style);
            put_cell(self, x, y, at, &with);
        }
    }
    self->whole = false;
    curs_set(frame->cursor_visible ? 1 : 0);
    if (frame->cursor_visible)
        move(frame->cursor_row, frame->cursor_column);
    refresh_at_once(self);
    screen_guard_start();
}

void screen_redraw(screen_state *self) {
    self->whole = true;
}

void screen_mouse(screen_state *self, bool on) {
    self->mouse = on;
    if (self->modern)
        send_text(self, on ? MOUSE_ON : MOUSE_OFF);
}

void screen_lend(screen_state *self) {
    leave(self);
}

void screen_take_back(screen_state *self) {
    screen_guard_hold(true);
    reset_prog_mode();
    modes(self);
    self->whole = true;
}

void screen_suspend(screen_state *self) {
    screen_lend(self);
    raise(SIGSTOP);
    screen_take_back(self);
}

bool screen_copy(screen_state *self, const char *text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text);
    if (!self->modern || length > SCREEN_COPY_MOST)
        return false;
    cleanup_free char *out = malloc(16 + (length + 2) / 3 * 4);
    if (!out)
        abort();
    strcpy(out, "\033]52;c;");
    size_t at = strlen(out);
    for (size_t i = 0; i < length; i += 3) {
        uint32_t group = (uint32_t)(uint8_t)text[i] << 16;
        group |= i + 1 < length ? (uint32_t)(uint8_t)text[i + 1] << 8 : 0;
        group |= i + 2 < length ? (uint8_t)text[i + 2] : 0;
        for (int k = 0; k < 4; k++)
            out[at++] = i + (size_t)k > length ? '=' : digits[group >> (18 - 6 * k) & 63];
    }
    strcpy(out + at, "\a");
    send_text(self, out);
    return true;
}
