#include "tui/words.h"

#include <stdlib.h>
#include <string.h>

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"

// One word from `text` into `word`; returns what follows it, NULL when a quote is left open.
static const char *next_word(const char *text, char *word) {
    char quote = 0;
    while (*text && (quote || (*text != ' ' && *text != '\t'))) {
        if (quote && *text == quote) {
            quote = 0;
        } else if (!quote && (*text == '\'' || *text == '"')) {
            quote = *text;
        } else if (*text == '\\' && quote != '\'' && text[1]) {
            *word++ = *++text;
        } else {
            *word++ = *text;
        }
        text++;
    }
    *word = 0;
    return quote ? NULL : text;
}

bool words_split(const char *text, json_t **out) {
    char *word = malloc(strlen(text) + 1);
    if (!word)
        abort();
    *out = json_array();
    for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
        text = next_word(text, word);
        if (!text) {
            json_decref(*out);
            *out = NULL;
            break;
        }
        json_array_append_new(*out, json_string(word));
    }
    free(word);
    return *out != NULL;
}

void words_quote(FILE *out, const char *word) {
    if (*word && word[strspn(word, PLAIN)] == 0) {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    }
    fputc('\'', out);
}
