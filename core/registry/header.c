#include "core/registry/header.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "core/base/cleanup.h"

// ---- Retry-After ----

unsigned header_retry_after_ms(const char *text, time_t now) {
    if (!text || !*text || strlen(text) > 64)
        return 0;
    if (text[strspn(text, "0123456789")] == 0) {
        unsigned long seconds = strtoul(text, NULL, 10);
        return seconds > HEADER_RETRY_AFTER_MS / 1000 ? HEADER_RETRY_AFTER_MS : (unsigned)seconds * 1000;
    }
    time_t then = curl_getdate(text, NULL);
    if (then < 0 || then <= now)
        return 0;
    return then - now > HEADER_RETRY_AFTER_MS / 1000 ? HEADER_RETRY_AFTER_MS : (unsigned)(then - now) * 1000;
}

// ---- Link ----

static const char *skip_space(const char *text) {
    return text + strspn(text, " \t");
}

// The end of a parameter's value: a quoted text or a token.
static const char *value_end(const char *text) {
    if (*text != '"')
        return text + strcspn(text, ",; \t");
    for (text++; *text && *text != '"'; text++)
        if (*text == '\\' && text[1])
            text++;
    return *text ? text + 1 : text;
}

// Whether "next" is among the words of rel="…".
static bool has_next(const char *begin, const char *end) {
    if (begin < end && *begin == '"') {
        begin++;
        end -= end > begin && end[-1] == '"';
    }
    while (begin < end) {
        size_t length = strcspn(begin, " ");
        if (length > (size_t)(end - begin))
            length = (size_t)(end - begin);
        if (length == 4 && strncasecmp(begin, "next", 4) == 0)
            return true;
        begin += length + (begin + length < end);
    }
    return false;
}

// ";name=value" as often as there are. *next becomes true where one of them is rel="next".
static const char *read_parameters(const char *text, bool *next) {
    for (text = skip_space(text); *text == ';'; text = skip_space(text)) {
        text = skip_space(text + 1);
        size_t length = strcspn(text, "=,; \t");
        const char *name = text;
        text = skip_space(text + length);
        if (*text != '=')
            continue;
        const char *value = skip_space(text + 1);
        text = value_end(value);
        if (length == 3 && strncasecmp(name, "rel", 3) == 0 && has_next(value, text))
            *next = true;
    }
    return text;
}

char *header_link_next(const char *text) {
    if (!text || strnlen(text, HEADER_LINK_MAX + 1) > HEADER_LINK_MAX)
        return NULL;
    while (*(text = text + strspn(text, " \t,"))) {
        const char *end = *text == '<' ? strchr(text, '>') : NULL;
        if (!end)
            return NULL;
        const char *target = text + 1;
        bool next = false;
        text = read_parameters(end + 1, &next);
        if (next && end > target)
            return strndup(target, (size_t)(end - target));
        if (*text && *text != ',')
            return NULL;
    }
    return NULL;
}
