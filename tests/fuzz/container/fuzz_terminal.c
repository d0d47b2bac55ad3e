// Any output of a program: the state stays bounded, and its repaint is again output that can be read.
#include <stdlib.h>
#include <string.h>

#include "core/container/terminal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3 || size > 65536)
        return 0;
    terminal *self = terminal_create(1 + data[0] % 100u, 1 + data[1] % 50u);
    size_t half = 2 + (size - 2) / 2;
    terminal_feed(self, data + 2, half - 2);
    terminal_resize(self, 1 + data[2] % 120u, 1 + data[1] % 40u);
    terminal_feed(self, data + half, size - half);
    char answer[64];
    while (terminal_answers(self, answer, sizeof answer) > 0)
        ;
    cleanup_buffer buffer screen = BUFFER_INIT;
    terminal_repaint(self, TERMINAL_SCROLLBACK, &screen);
    if (screen.length > 16u << 20)
        abort();
    terminal *second = terminal_create(1 + data[2] % 120u, 1 + data[1] % 40u);
    terminal_feed(second, screen.data, screen.length);
    cleanup_buffer buffer again = BUFFER_INIT;
    terminal_repaint(second, 0, &again);
    terminal_destroy(second);
    terminal_destroy(self);
    return 0;
}
