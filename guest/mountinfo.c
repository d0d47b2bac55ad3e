#include "guest/mountinfo.h"

#include <stdio.h>
#include <string.h>

// Blanks, line ends and backslashes are written as \ooo.
static void unescape(char *text) {
    char *to = text;
    for (const char *at = text; *at; to++) {
        unsigned value;
        if (at[0] == '\\' && strspn(at + 1, "01234567") >= 3 && sscanf(at + 1, "%3o", &value) == 1) {
            *to = (char)value;
            at += 4;
        } else {
            *to = *at++;
        }
    }
    *to = 0;
}

static char *next_word(char **rest) {
    char *word = strsep(rest, " ");
    if (word)
        unescape(word);
    return word;
}

bool mountinfo_parse(char *line, mountinfo *out) {
    int length = 0;
    unsigned long long id;
    *out = (mountinfo){0};
    if (sscanf(line, "%llu %*u %u:%u %n", &id, &out->major, &out->minor, &length) != 3 || length == 0)
        return false;
    out->id = id;
    char *rest = line + length, *word;
    out->root = next_word(&rest);
    out->place = next_word(&rest);
    while ((word = strsep(&rest, " ")) && strcmp(word, "-") != 0)
        continue;
    out->type = next_word(&rest);
    out->source = next_word(&rest);
    return out->source != NULL;
}

bool mountinfo_shows(const mountinfo *self, const char *name) {
    size_t length = strlen(name);
    return self->root[0] == '/' && strncmp(self->root + 1, name, length) == 0 &&
           (!self->root[1 + length] || strcmp(self->root + 1 + length, "//deleted") == 0);
}
