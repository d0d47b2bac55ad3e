// The same bytes in tmux and in our console: characters, widths, attributes and the cursor agree. What the
// two do not both know (docs/guide.md) is not in here.
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/holm.h"
#include "tui/terminal.h"

#define COLUMNS 40
#define ROWS    10

static const char *const streams[] = {
    "plain\r\n\ttab\r\nback\b\bX\r\n\x1b[5;10Hat\x1b[A up\x1b[2B down\x1b[3D\x1b[1@i",
    "\x1b[1;31mred\x1b[0m \x1b[3;4;38;5;99m256\x1b[m \x1b[38;2;1;2;3;48;2;9;8;7mtrue\x1b[0m "
    "\x1b[7mrev\x1b[27m\x1b[9m"
    "off\x1b[29m \x1b[5mblink\x1b[0m \x1b[38:2::10:20:30mcolon\x1b[0;92;103mhigh",
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e e\xcc\x81 \x1b[1;39Hx\xe6\x97\xa5wrapped\x1b[3;1Hab\x1b[4b.",
    "1\r\n2\r\n3\r\n4\r\n5\r\n6\x1b[2;4r\x1b[4;1H\n\n7\x1b[2;1H\x1bM8\x1b[r\x1b[9;3Hend",
    "one\r\ntwo\r\nthree\x1b[2;2H\x1b[L\x1b[4;1H\x1b[M\x1b[1;2H\x1b[2P\x1b[X\x1b[3;1H\x1b[4hins\x1b[4l\x1b[K",
    "\x1b(0lqqk\x1b(B\r\nsave\x1b[s\x1b[8;8Hthere\x1b[uhere\x1b"
    "7\x1b[1;1H\x1b"
    "8!\x1b[?7l\x1b[10;38Hcutoff\x1b[?7h",
    "first screen\x1b[?1049h\x1b[Hother\x1b[?1049lback",
    "not yet\x1b[?40h\x1b[3;5r\x1b[4;4Hhere\x1b[?3hwide\x1b[9Hbelow\n\n\n\x1b[?3lnarrow\r\nagain",
    "gone\x1b[?1049hfull\x1b[H\x1b[2Jscreen \x1b[44mblue  \x1b[m.",
};

static unsigned server; // each stream has one of its own: an old one may still be ending

static char *command(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *command(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    size_t length =
        (size_t)snprintf(text, sizeof text, "tmux -L holm-test-%d-%u -f /dev/null ", (int)getpid(), server);
    vsnprintf(text + length, sizeof text - length, format, arguments);
    va_end(arguments);
    FILE *pipe = popen(text, "r");
    char *out = calloc(1, 65536);
    assert_non_null(pipe);
    assert_non_null(out);
    size_t used = fread(out, 1, 65535, pipe);
    out[used] = 0;
    pclose(pipe);
    return out;
}

static void ignore(const char *bytes, size_t length, void *data) {
    (void)bytes;
    (void)length;
    (void)data;
}

static void draw(const terminal *screen, grid *out) {
    grid_resize(out, COLUMNS, ROWS);
    terminal_draw(screen, out, &(rect){0, 0, COLUMNS, ROWS}, 0, true);
}

// What tmux shows, line by line with its attributes, read by a terminal of its own.
static void draw_tmux(grid *out, const char *stream) {
    char path[] = "/tmp/holm-tmux-XXXXXX";
    int fd = mkstemp(path), column, row;
    assert_true(fd >= 0 && write(fd, stream, strlen(stream)) == (ssize_t)strlen(stream));
    close(fd);
    free(command("new-session -d -x %d -y %d 'stty raw; cat %s; tmux wait-for -S done; exec sleep 60' \\; "
                 "wait-for done "
                 "2>/dev/null",
                 COLUMNS, ROWS, path));
    cleanup_free char *lines = command("capture-pane -e -N -p"),
                      *cursor = command("display -p '#{cursor_x} #{cursor_y}'");
    free(command("kill-server"));
    server++;
    unlink(path);
    terminal *screen = terminal_create(COLUMNS, ROWS, ignore, NULL);
    char move[16];
    int number = 1;
    terminal_write(screen, "\x1b)0", 3); // it prints line drawing as G1
    for (char *at = lines, *end; (end = strchr(at, '\n')); at = end + 1, number++) {
        terminal_write(screen, move, (size_t)snprintf(move, sizeof move, "\x1b[%d;1H", number));
        terminal_write(screen, at, (size_t)(end - at));
    }
    draw(screen, out);
    assert_int_equal(sscanf(cursor, "%d %d", &column, &row), 2);
    out->cursor_column = column;
    out->cursor_row = row;
    terminal_destroy(screen);
}

static void test_streams(void **state) {
    (void)state;
    if (system("command -v tmux >/dev/null") != 0) {
        puts("tmux is not there");
        skip();
    }
    for (size_t i = 0; i < array_length(streams); i++) {
        grid theirs = {0}, ours = {0};
        terminal *screen = terminal_create(COLUMNS, ROWS, ignore, NULL);
        terminal_write(screen, streams[i], strlen(streams[i]));
        draw(screen, &ours);
        draw_tmux(&theirs, streams[i]);
        for (int at = 0; at < COLUMNS * ROWS; at++)
            if (!cell_equal(&ours.cells[at], &theirs.cells[at]))
                fail_msg("stream %zu, column %d of row %d: U+%04x here, U+%04x in tmux (attributes %x and "
                         "%x, colours "
                         "%x/%x and %x/%x)",
                         i, at % COLUMNS, at / COLUMNS, ours.cells[at].chars[0], theirs.cells[at].chars[0],
                         ours.cells[at].style.attributes, theirs.cells[at].style.attributes,
                         ours.cells[at].style.fg, ours.cells[at].style.bg, theirs.cells[at].style.fg,
                         theirs.cells[at].style.bg);
        assert_int_equal(ours.cursor_row, theirs.cursor_row);
        assert_int_equal(ours.cursor_column,
                         theirs.cursor_column < COLUMNS ? theirs.cursor_column : COLUMNS - 1);
        grid_finish(&ours);
        grid_finish(&theirs);
        terminal_destroy(screen);
    }
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("TERM", "xterm-256color", 1);
    unsetenv("TMUX");
    char sockets[] = "/tmp/holm-tmux-XXXXXX", remove[64]; // tmux leaves its own
    if (!mkdtemp(sockets))
        return 1;
    setenv("TMUX_TMPDIR", sockets, 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(remove, sizeof remove, "rm -rf %s", sockets);
    return failed || system(remove) != 0;
}
