#include "tui/cli/usage.h"

#include <string.h>

enum { WORDS_MOST = 64, LINE = 79 };

static bool is_listed(const action *self, action_noun noun) {
    return self->words && (noun == ACTION_NOUN_COUNT || self->noun == noun);
}

static int find_width(action_noun noun) {
    int widest = 0;
    for (size_t i = 0; i < action_count(); i++) {
        char words[WORDS_MOST];
        if (!is_listed(action_at(i), noun))
            continue;
        action_print_words(action_at(i), words, sizeof words);
        if ((int)strlen(words) > widest)
            widest = (int)strlen(words);
    }
    return widest;
}

// Behind what takes `column` columns; at blanks the text goes on below itself.
static void print_wrapped(FILE *out, int column, const char *text) {
    for (int at = column; *text;) {
        int length = (int)strcspn(text, " ");
        if (at > column && at + 1 + length > LINE) {
            fprintf(out, "\n%*s", column, "");
            at = column;
        }
        fprintf(out, "%s%.*s", at > column ? " " : "", length, text);
        at += (at > column) + length;
        text += length + strspn(text + length, " ");
    }
    fputc('\n', out);
}

void usage_print(FILE *out, action_noun noun) {
    int width = find_width(noun);
    if (noun == ACTION_NOUN_COUNT)
        fputs("Usage: holm [--debug] [COMMAND [ARGUMENT…]]\n       holm [--read-only] [--plain]\n\nWithout a "
              "command: the dashboard.\n\n",
              out);
    fputs("Commands:\n", out);
    for (size_t i = 0; i < action_count(); i++) {
        char words[WORDS_MOST];
        if (!is_listed(action_at(i), noun))
            continue;
        action_print_words(action_at(i), words, sizeof words);
        fprintf(out, "  %-*s  ", width, words);
        print_wrapped(out, width + 4, action_at(i)->help);
    }
    fputs("\n`holm help COMMAND` and `holm COMMAND --help` tell more.\n", out);
    if (noun == ACTION_NOUN_COUNT)
        fputs("The commands are also there as `holm container …`, `holm image …`.\n", out);
}
