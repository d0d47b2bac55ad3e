// Bytes of a container to cells: whatever it writes, the emulator lives and no cell holds a control.
#include <locale.h>
#include <stdlib.h>

#include "tui/terminal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(const char *bytes, size_t length, void *data) {
    (void)bytes;
    *(size_t *)data += length;
}

static void check(const terminal *screen, size_t back) {
    grid frame = {0};
    grid_resize(&frame, 40, 12);
    terminal_draw(screen, &frame, &(rect){0, 0, 40, 12}, back, true);
    for (int i = 0; i < 40 * 12; i++)
        for (int k = 0; k < CELL_CHARS && frame.cells[i].chars[k]; k++)
            if (!cell_char_printable(frame.cells[i].chars[k]))
                abort();
    grid_finish(&frame);
}

// The input is cut where a 0xff stands: a resize by the two bytes behind it.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    setlocale(LC_CTYPE, "C.UTF-8");
    size_t answered = 0, from = 0;
    terminal *screen = terminal_create(40, 12, take, &answered);
    for (size_t i = 0; i + 2 < size; i++) {
        if (data[i] != 0xff)
            continue;
        terminal_write(screen, (const char *)data + from, i - from);
        terminal_resize(screen, data[i + 1], data[i + 2] % 64);
        from = i + 3;
        i += 2;
    }
    if (from < size)
        terminal_write(screen, (const char *)data + from, size - from);
    check(screen, 0);
    check(screen, terminal_scrollback(screen));
    for (const char *at = terminal_title(screen); *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            abort();
    terminal_destroy(screen);
    return 0;
}
