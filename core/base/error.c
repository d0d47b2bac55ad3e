#include "core/base/error.h"

#include <errno.h>
#include <string.h>

#define MAX_LINKS 32

struct holm_error {
    holm_error_code code;
    char *message; // contexts and cause, joined
    char *hint;
    char *links[MAX_LINKS]; // the cause first, then each context
    size_t link_count;
};

static const struct {
    holm_error_code code;
    const char *name;
} code_names[] = {
    {HOLM_ERROR_INTERNAL, "internal"},
    {HOLM_ERROR_INVALID, "invalid"},
    {HOLM_ERROR_NOT_FOUND, "not-found"},
    {HOLM_ERROR_EXISTS, "exists"},
    {HOLM_ERROR_IN_USE, "in-use"},
    {HOLM_ERROR_STATE, "state"},
    {HOLM_ERROR_DENIED, "denied"},
    {HOLM_ERROR_UNAVAILABLE, "unavailable"},
    {HOLM_ERROR_INTEGRITY, "integrity"},
    {HOLM_ERROR_LIMIT, "limit"},
    {HOLM_ERROR_NO_SPACE, "no-space"},
    {HOLM_ERROR_NO_MEMORY, "no-memory"},
    {HOLM_ERROR_UNSUPPORTED, "unsupported"},
    {HOLM_ERROR_CANCELLED, "cancelled"},
    {HOLM_ERROR_NOT_EXECUTABLE, "not-executable"},
    {HOLM_ERROR_PROGRAM_NOT_FOUND, "program-not-found"},
};

static holm_error_code code_from_errno(int number) {
    switch (number) {
    case ENOENT:
        return HOLM_ERROR_NOT_FOUND;
    case EEXIST:
        return HOLM_ERROR_EXISTS;
    case EACCES:
    case EPERM:
        return HOLM_ERROR_DENIED;
    case ENOSPC:
    case EDQUOT:
        return HOLM_ERROR_NO_SPACE;
    case ENOMEM:
        return HOLM_ERROR_NO_MEMORY;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
        return HOLM_ERROR_UNAVAILABLE;
    case EBUSY:
    case EADDRINUSE:
        return HOLM_ERROR_IN_USE;
    default:
        return HOLM_ERROR_INTERNAL;
    }
}

// Takes ownership of text, which may be NULL when there was no memory for it.
static void error_create(holm_error **error, holm_error_code code, char *text) {
    holm_error *created = calloc(1, sizeof *created);
    if (!created || !text)
        abort(); // out of memory for an error message: nothing sensible can be told any more
    created->code = code;
    created->message = strdup(text);
    created->links[created->link_count++] = text;
    *error = created;
}

static char *format_text(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
static char *format_text(const char *format, va_list arguments) {
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0)
        return NULL;
    return text;
}

void holm_error_set_va(holm_error **error, holm_error_code code, const char *format, va_list arguments) {
    if (error)
        error_create(error, code, format_text(format, arguments));
}

void holm_error_set(holm_error **error, holm_error_code code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    holm_error_set_va(error, code, format, arguments);
    va_end(arguments);
}

void holm_error_set_errno(holm_error **error, int number, const char *format, ...) {
    if (!error)
        return;
    va_list arguments;
    va_start(arguments, format);
    cleanup_free char *what = format_text(format, arguments);
    va_end(arguments);
    char *text = NULL;
    if (what && asprintf(&text, "%s: %s", what, strerror(number)) < 0)
        text = NULL;
    error_create(error, code_from_errno(number), text);
    if ((*error)->code == HOLM_ERROR_NO_SPACE)
        holm_error_hint(error, "make room on the disk: holm system df shows what of it is holm's");
}

void holm_error_wrap(holm_error **error, const char *format, ...) {
    if (!error || !*error)
        return;
    va_list arguments;
    va_start(arguments, format);
    char *context = format_text(format, arguments);
    va_end(arguments);
    char *joined = NULL;
    if (!context || asprintf(&joined, "%s: %s", context, (*error)->message) < 0)
        abort();
    free((*error)->message);
    (*error)->message = joined;
    if ((*error)->link_count < MAX_LINKS)
        (*error)->links[(*error)->link_count++] = context;
    else
        free(context);
}

void holm_error_hint(holm_error **error, const char *format, ...) {
    if (!error || !*error || (*error)->hint)
        return;
    va_list arguments;
    va_start(arguments, format);
    (*error)->hint = format_text(format, arguments);
    va_end(arguments);
}

void holm_error_propagate(holm_error **error, holm_error *from) {
    if (error)
        *error = from;
    else
        holm_error_free(from);
}

holm_error *holm_error_copy(const holm_error *error) {
    if (!error)
        return NULL;
    holm_error *copy = calloc(1, sizeof *copy);
    if (!copy)
        abort();
    copy->code = error->code;
    copy->message = strdup(error->message);
    copy->hint = error->hint ? strdup(error->hint) : NULL;
    for (; copy->link_count < error->link_count; copy->link_count++)
        copy->links[copy->link_count] = strdup(error->links[copy->link_count]);
    return copy;
}

void holm_error_free(holm_error *error) {
    if (!error)
        return;
    for (size_t i = 0; i < error->link_count; i++)
        free(error->links[i]);
    free(error->message);
    free(error->hint);
    free(error);
}

holm_error_code holm_error_code_of(const holm_error *error) {
    return error ? error->code : HOLM_ERROR_INTERNAL;
}

const char *holm_error_code_name(holm_error_code code) {
    for (size_t i = 0; i < array_length(code_names); i++)
        if (code_names[i].code == code)
            return code_names[i].name;
    return "internal";
}

holm_error_code holm_error_code_parse(const char *name) {
    for (size_t i = 0; i < array_length(code_names); i++)
        if (strcmp(code_names[i].name, name) == 0)
            return code_names[i].code;
    return HOLM_ERROR_INTERNAL;
}

const char *holm_error_message(const holm_error *error) {
    return error ? error->message : "no error was given";
}

const char *holm_error_hint_of(const holm_error *error) {
    return error ? error->hint : NULL;
}

char *holm_error_chain(const holm_error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; error && i < error->link_count; i++)
        fprintf(out, "%s%s\n", i == 0 ? "cause: " : "while: ", error->links[i]);
    fclose(out);
    return text;
}

char *holm_error_seams(const holm_error *error) {
    char *text = NULL;
    size_t size = 0, whole = 0;
    FILE *out = error && error->link_count > 1 ? open_memstream(&text, &size) : NULL;
    if (!out)
        return NULL;
    for (size_t i = error->link_count; i-- > 1;) {
        size_t length = strlen(error->links[i]);
        fprintf(out, "%s%zu", whole ? " " : "", length);
        whole += length + 2;
    }
    fclose(out);
    if (whole + strlen(error->links[0]) == strlen(error->message))
        return text;
    free(text); // there were more contexts than it keeps
    return NULL;
}

// What lies between the seams, outermost first, into `links`. 0: they do not fit.
static size_t cut(const char *message, const char *seams, char *links[static MAX_LINKS]) {
    size_t count = 0;
    const char *rest = message;
    while (*seams && count < MAX_LINKS - 1) {
        char *end;
        unsigned long length = strtoul(seams, &end, 10);
        if (*seams < '0' || *seams > '9' || (*end && *end != ' ') || strnlen(rest, length) < length ||
            strncmp(rest + length, ": ", 2) != 0)
            break;
        links[count++] = strndup(rest, length);
        rest += length + 2;
        seams = *end ? end + 1 : end;
    }
    if (!*seams && count > 0) {
        links[count++] = strdup(rest);
        return count;
    }
    while (count > 0)
        free(links[--count]);
    return 0;
}

void holm_error_split(holm_error *error, const char *seams) {
    if (!error || !seams || error->link_count != 1)
        return;
    char *links[MAX_LINKS];
    size_t count = cut(error->message, seams, links);
    if (count == 0)
        return;
    free(error->links[0]);
    for (size_t i = 0; i < count; i++)
        error->links[i] = links[count - 1 - i];
    error->link_count = count;
}
