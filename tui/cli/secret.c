#include "tui/cli/secret.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/cli/terminal.h"

#define CTRL(letter) ((letter)&31)

// One line of a raw terminal. Whether it was entered.
static int read_line(char *text, size_t size) {
    size_t length = 0;
    for (char c; read(STDIN_FILENO, &c, 1) == 1;) {
        if (c == '\r' || c == '\n')
            return 1;
        if (c == CTRL('c') || c == CTRL('\\') || (c == CTRL('d') && length == 0))
            return 0;
        if (c == 0x7f || c == '\b') {
            // A character of UTF-8 goes as a whole.
            while (length > 0 && ((unsigned char)text[--length] & 0xc0) == 0x80)
                ;
            text[length] = 0;
        } else if (c == CTRL('u')) {
            length = 0;
        } else if ((unsigned char)c >= ' ' && length + 1 < size) {
            text[length++] = c;
        }
        text[length] = 0;
    }
    return 0;
}

char *secret_ask(const char *question) {
    static const int fatal[] = {SIGTERM, SIGHUP};
    if (!terminal_present())
        return NULL;
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        signal(fatal[i], terminal_restore_and_die);
    char *text = calloc(1, SECRET_MAX);
    if (!text || !terminal_set_raw()) {
        free(text);
        return NULL;
    }
    fprintf(stderr, "%s", question);
    int entered = read_line(text, SECRET_MAX);
    terminal_restore();
    fputc('\n', stderr);
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        signal(fatal[i], SIG_DFL);
    if (entered)
        return text;
    secret_free(text);
    return NULL;
}

char *secret_read(void) {
    char *text = calloc(1, SECRET_MAX + 1);
    size_t length = 0;
    ssize_t got = 1;
    while (text && length < SECRET_MAX && got > 0) {
        got = read(STDIN_FILENO, text + length, SECRET_MAX - length);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            length += (size_t)got;
    }
    if (!text || got != 0 || memchr(text, 0, length)) {
        secret_free(text);
        return NULL;
    }
    if (length > 0 && text[length - 1] == '\n')
        text[--length] = 0;
    if (length > 0 && text[length - 1] == '\r')
        text[--length] = 0;
    return text;
}

void secret_free(char *secret) {
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}
