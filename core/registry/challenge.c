#include "core/registry/challenge.h"

#include <string.h>
#include <strings.h>

static bool is_token_character(char c) {
    return c && strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", c);
}

static const char *skip_space(const char *text) {
    return text + strspn(text, " \t");
}

static size_t token_length(const char *text) {
    size_t length = 0;
    while (is_token_character(text[length]))
        length++;
    return length;
}

// Reads a quoted string or a token at *text into new memory; NULL when there is none.
static char *read_value(const char **text) {
    const char *from = *text;
    if (*from != '"') {
        // Registries put bare URLs here as well, which RFC 9110 does not allow.
        size_t length = strcspn(from, ", \t\"");
        *text = from + length;
        return length ? strndup(from, length) : NULL;
    }
    char *value = malloc(strlen(from)), *to = value;
    for (from++; *from && *from != '"'; from++) {
        if (*from == '\\' && from[1])
            from++;
        *to++ = *from;
    }
    *to = 0;
    if (*from != '"') {
        free(value);
        return NULL;
    }
    *text = from + 1;
    return value;
}

static void set_parameter(challenge *self, const char *name, size_t length, char *value) {
    static const char *const names[] = {"realm", "service", "scope"};
    char **const slots[] = {&self->realm, &self->service, &self->scope};
    for (size_t i = 0; i < array_length(names); i++) {
        if (strlen(names[i]) == length && strncasecmp(name, names[i], length) == 0 && !*slots[i]) {
            *slots[i] = value;
            return;
        }
    }
    free(value);
}

// After a scheme: NAME=VALUE, comma-separated, until a word that no "=" follows (the next scheme) or what is
// not understood (NULL).
static const char *read_parameters(challenge *self, const char *text) {
    for (;;) {
        text = skip_space(text);
        while (*text == ',')
            text = skip_space(text + 1);
        size_t length = token_length(text);
        if (length == 0)
            return *text ? NULL : text;
        const char *after = skip_space(text + length);
        if (*after != '=')
            return text;
        after = skip_space(after + 1);
        char *value = read_value(&after);
        if (!value)
            return NULL;
        set_parameter(self, text, length, value);
        text = after;
    }
}

static challenge_scheme scheme_of(const char *text, size_t length) {
    if (length == 6 && strncasecmp(text, "Bearer", length) == 0)
        return CHALLENGE_BEARER;
    if (length == 5 && strncasecmp(text, "Basic", length) == 0)
        return CHALLENGE_BASIC;
    return CHALLENGE_NONE;
}

void challenge_read(challenge *self, const char *header) {
    if (strnlen(header, CHALLENGE_HEADER_MAX + 1) > CHALLENGE_HEADER_MAX)
        return;
    const char *text = header;
    while (text && *(text = skip_space(text))) {
        if (*text == ',') {
            text++;
            continue;
        }
        size_t length = token_length(text);
        if (length == 0)
            return;
        cleanup_challenge challenge next = {.scheme = scheme_of(text, length)};
        text = read_parameters(&next, text + length);
        bool usable = next.scheme == CHALLENGE_BASIC || (next.scheme == CHALLENGE_BEARER && next.realm);
        if (text && usable && next.scheme > self->scheme) {
            challenge_finish(self);
            *self = next;
            next = (challenge){0};
        }
    }
}

void challenge_finish(challenge *self) {
    free(self->realm);
    free(self->service);
    free(self->scope);
    *self = (challenge){0};
}
