#include "tests/tui/screen/driver.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#include <cmocka.h>

#define DEADLINE_MS 20000

static void answer(const char *bytes, size_t length, void *data) {
    driver *self = data;
    ssize_t ignored = write(self->fd, bytes, length);
    (void)ignored;
}

driver *driver_start(const char *program, int columns, int rows, const char *const *environment) {
    driver *self = calloc(1, sizeof(*self));
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
    int slave;
    assert_int_equal(openpty(&self->fd, &slave, NULL, NULL, &size), 0);
    tcgetattr(slave, &self->before);
    self->pid = fork();
    if (self->pid == 0) {
        close(self->fd);
        login_tty(slave);
        setenv("TERM", "xterm-256color", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        unsetenv("COLORTERM");
        unsetenv("NO_COLOR");
        for (; environment && *environment; environment++)
            putenv((char *)*environment);
        execl(program, program, (char *)NULL);
        _exit(127);
    }
    close(slave);
    self->screen = terminal_create(columns, rows, answer, self);
    return self;
}

void driver_stop(driver *self) {
    if (!self->ended) {
        kill(self->pid, SIGKILL);
        waitpid(self->pid, NULL, 0);
    }
    close(self->fd);
    terminal_destroy(self->screen);
    free(self->stream);
    free(self);
}

void driver_type(driver *self, const char *bytes) {
    assert_int_equal(write(self->fd, bytes, strlen(bytes)), strlen(bytes));
}

void driver_resize(driver *self, int columns, int rows) {
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
    terminal_resize(self->screen, columns, rows);
    ioctl(self->fd, TIOCSWINSZ, &size);
}

// Takes what is there within the time. False: nothing came, or it has ended.
static bool take(driver *self, int milliseconds) {
    char bytes[65536];
    struct pollfd poll_fd = {.fd = self->fd, .events = POLLIN};
    if (poll(&poll_fd, 1, milliseconds) <= 0)
        return false;
    ssize_t length = read(self->fd, bytes, sizeof(bytes));
    if (length <= 0)
        return false;
    if (self->length + (size_t)length + 1 > self->capacity) {
        self->capacity = (self->length + (size_t)length) * 2 + 1;
        self->stream = realloc(self->stream, self->capacity);
    }
    memcpy(self->stream + self->length, bytes, (size_t)length);
    self->length += (size_t)length;
    self->stream[self->length] = 0;
    terminal_write(self->screen, bytes, (size_t)length);
    return true;
}

static char *screen_text(const driver *self) {
    grid frame = {0};
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    grid_resize(&frame, terminal_columns(self->screen), terminal_rows(self->screen));
    terminal_draw(self->screen, &frame, &(rect){0, 0, frame.columns, frame.rows}, 0, true);
    for (int y = 0; y < frame.rows; y++) {
        for (int x = 0; x < frame.columns; x++) {
            const cell *at = grid_at(&frame, x, y);
            for (int i = 0; i < CELL_CHARS && at->chars[i]; i++) {
                char bytes[4];
                fwrite(bytes, 1, cell_utf8_encode(at->chars[i], bytes), out);
            }
        }
        fputc('\n', out);
    }
    fclose(out);
    grid_finish(&frame);
    return text;
}

bool driver_shows(driver *self, const char *text) {
    char *all = screen_text(self);
    bool found = strstr(all, text) != NULL;
    free(all);
    return found;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void expect(driver *self, const char *text, bool there) {
    int64_t end = now_ms() + DEADLINE_MS;
    while (driver_shows(self, text) != there) {
        int64_t left = end - now_ms();
        if (left > 0 && take(self, (int)left))
            continue;
        char *all = screen_text(self);
        fprintf(stderr, "the screen:\n%s", all);
        free(all);
        fail_msg("\"%s\" is %s the screen", text, there ? "not on" : "still on");
    }
}

void driver_expect(driver *self, const char *text) {
    expect(self, text, true);
}

void driver_expect_gone(driver *self, const char *text) {
    expect(self, text, false);
}

void driver_expect_bytes(driver *self, const char *text) {
    int64_t end = now_ms() + DEADLINE_MS;
    while (!self->stream || !memmem(self->stream, self->length, text, strlen(text)))
        if (now_ms() >= end || !take(self, (int)(end - now_ms())))
            fail_msg("bytes that were waited for did not come");
}

int driver_wait(driver *self, bool stopped) {
    int64_t end = now_ms() + DEADLINE_MS;
    for (;;) {
        int status = 0;
        pid_t pid = waitpid(self->pid, &status, WNOHANG | (stopped ? WUNTRACED : 0));
        if (pid == self->pid) {
            while (take(self, 0))
                ;
            self->ended = !WIFSTOPPED(status);
            self->status = status;
            return status;
        }
        if (now_ms() >= end)
            fail_msg("it did not end");
        take(self, 20); // its last words may fill the terminal's buffer
    }
}

size_t driver_listen(driver *self, int milliseconds) {
    size_t before = self->length;
    int64_t end = now_ms() + milliseconds;
    while (now_ms() < end)
        take(self, (int)(end - now_ms()));
    return self->length - before;
}

bool driver_modes_restored(const driver *self) {
    struct termios now;
    if (tcgetattr(self->fd, &now) != 0)
        return false;
    return now.c_iflag == self->before.c_iflag && now.c_oflag == self->before.c_oflag &&
           now.c_lflag == self->before.c_lflag && now.c_cflag == self->before.c_cflag;
}

void driver_quit(driver *self) {
    driver_type(self, "q");
    int status = driver_wait(self, false);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(driver_modes_restored(self));
    assert_non_null(strstr(self->stream, DRIVER_LEAVE_SCREEN));
    driver_stop(self);
}

void driver_mouse(driver *self, int button, int x, int y, bool pressed) {
    char bytes[48];
    snprintf(bytes, sizeof(bytes), "\x1b[<%d;%d;%d%c", button, x, y, pressed ? 'M' : 'm');
    driver_type(self, bytes);
}
