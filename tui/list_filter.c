// What is typed after "/", taken apart once and held against every thing of a list.
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "tui/list.h"

#define MOST_TERMS 16

enum term_kind { TERM_TEXT, TERM_PATTERN, TERM_LABEL };

typedef struct term {
    enum term_kind kind;
    bool inverse, broken;
    char text[128];
    char *value; // of a label, inside text; NULL: any
    regex_t pattern;
} term;

struct list_filter {
    term terms[MOST_TERMS];
    size_t count;
};

static void term_parse(term *self, const char *text, size_t length, const char **problem) {
    self->inverse = *text == '!';
    text += self->inverse;
    length -= self->inverse;
    self->kind = *text == '~' ? TERM_PATTERN : *text == '#' ? TERM_LABEL : TERM_TEXT;
    if (self->kind != TERM_TEXT) {
        text++;
        length--;
    }
    length = length < sizeof(self->text) ? length : sizeof(self->text) - 1;
    memcpy(self->text, text, length);
    if (self->kind == TERM_LABEL && (self->value = strchr(self->text, '=')))
        *self->value++ = 0;
    if (self->kind == TERM_PATTERN &&
        regcomp(&self->pattern, self->text, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0) {
        self->broken = true;
        *problem = "this is no regular expression";
    }
}

list_filter *list_filter_create(const char *text, const char **problem) {
    const char *ignored;
    problem = problem ? problem : &ignored;
    *problem = NULL;
    if (!text[strspn(text, " !~#")])
        return NULL;
    list_filter *self = calloc(1, sizeof(*self));
    if (!self)
        abort();
    for (text += strspn(text, " "); *text && self->count < MOST_TERMS; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        // A pattern may have blanks in it: it takes the rest.
        if (*text == '~' || (*text == '!' && text[1] == '~'))
            length = strlen(text);
        if (text[strspn(text, "!~#")] && strspn(text, "!~#") < length)
            term_parse(&self->terms[self->count++], text, length, problem);
        text += length;
    }
    return self;
}

void list_filter_destroy(list_filter *self) {
    for (size_t i = 0; self && i < self->count; i++)
        if (self->terms[i].kind == TERM_PATTERN && !self->terms[i].broken)
            regfree(&self->terms[i].pattern);
    free(self);
}

static bool label_matches(const term *self, const list_kind *kind, const void *item) {
    const json_t *labels = list_labels(kind, item);
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)labels, key, value) {
        const char *text = json_string_value(value);
        if (self->value ? strcmp(key, self->text) == 0 && text && strcasestr(text, self->value)
                        : strcasestr(key, self->text) != NULL)
            return true;
    }
    return false;
}

static bool words_match(const term *self, const list_kind *kind, const void *item) {
    const char *words[LIST_WORDS] = {0};
    kind->words(item, words);
    for (size_t i = 0; i < LIST_WORDS; i++) {
        if (words[i] && (self->kind == TERM_PATTERN ? regexec(&self->pattern, words[i], 0, NULL, 0) == 0
                                                    : strcasestr(words[i], self->text) != NULL))
            return true;
    }
    const char *id = kind->id(item);
    return self->kind == TERM_TEXT && strncmp(id, self->text, strlen(self->text)) == 0;
}

bool list_filter_matches(const list_filter *self, const list_kind *kind, const void *item) {
    for (size_t i = 0; self && i < self->count; i++) {
        const term *one = &self->terms[i];
        bool found = one->broken || (one->kind == TERM_LABEL ? label_matches(one, kind, item)
                                                             : words_match(one, kind, item));
        if (found == one->inverse && !one->broken)
            return false;
    }
    return true;
}
