#include "core/image/reference.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/path.h"
#include "core/store/digest.h"

// Longer than any valid reference; what is longer is not even looked at.
#define TEXT_MAX (IMAGE_REFERENCE_NAME_MAX + 1 + IMAGE_REFERENCE_TAG_MAX + 1 + DIGEST_SIZE)

static bool is_lower_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alphanumeric(char c) {
    return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z');
}

// Letters and digits, and between them ".", "_", "__" or any number of "-".
static bool is_path_component(const char *text, size_t length) {
    size_t i = 0;
    while (i < length) {
        size_t word = i;
        while (i < length && is_lower_alphanumeric(text[i]))
            i++;
        if (i == word)
            return false;
        if (i == length)
            return true;
        size_t separator = i;
        if (text[i] == '.')
            i++;
        else if (text[i] == '_')
            i += i + 1 < length && text[i + 1] == '_' ? 2 : 1;
        else
            while (i < length && text[i] == '-')
                i++;
        if (i == separator)
            return false;
    }
    return false; // empty, or a separator at the end
}

static bool is_repository(const char *text) {
    for (;;) {
        size_t length = strcspn(text, "/");
        if (!is_path_component(text, length))
            return false;
        if (text[length] == 0)
            return true;
        text += length + 1;
    }
}

static bool is_port(const char *text) {
    size_t digits = strspn(text, "0123456789");
    return digits >= 1 && digits <= 5 && text[digits] == 0 && strtoul(text, NULL, 10) <= 65535;
}

static bool is_registry(const char *text) {
    const char *end;
    if (text[0] == '[') {
        size_t length = strspn(text + 1, "0123456789abcdefABCDEF:.");
        end = text + 1 + length;
        if (length < 2 || *end != ']')
            return false;
        end++;
    } else {
        end = text + strcspn(text, ":");
        for (const char *label = text; label < end;) {
            size_t length = strcspn(label, ".:");
            if (length == 0 || label[0] == '-' || label[length - 1] == '-')
                return false;
            for (size_t i = 0; i < length; i++)
                if (!is_alphanumeric(label[i]) && label[i] != '-')
                    return false;
            label += length;
            if (*label == '.' && (++label == end))
                return false;
        }
        if (end == text)
            return false;
    }
    return *end == 0 || (*end == ':' && is_port(end + 1));
}

static bool is_tag(const char *text) {
    size_t length = strlen(text);
    if (length == 0 || length > IMAGE_REFERENCE_TAG_MAX || !(is_alphanumeric(text[0]) || text[0] == '_'))
        return false;
    for (size_t i = 1; i < length; i++)
        if (!is_alphanumeric(text[i]) && !strchr("_.-", text[i]))
            return false;
    return true;
}

static bool looks_like_registry(const char *component, size_t length) {
    if (length == strlen("localhost") && strncmp(component, "localhost", length) == 0)
        return true;
    for (size_t i = 0; i < length; i++)
        if (component[i] == '.' || component[i] == ':' || isupper((unsigned char)component[i]))
            return true;
    return false;
}

// Splits "@digest" and ":tag" off `name`, in place.
static int split_suffixes(char *name, const char **tag, const char **digest, const char *text,
                          holm_error **error) {
    char *at = strchr(name, '@');
    if (at) {
        *at = 0;
        *digest = at + 1;
        if (!digest_is_valid(*digest)) {
            holm_error_set(error, HOLM_ERROR_INVALID, "image reference \"%s\" has a digest that is not valid",
                           text);
            holm_error_hint(error, "a digest is sha256: and 64 lower-case hex digits");
            return -1;
        }
    }
    char *slash = strrchr(name, '/'), *colon = strrchr(name, ':');
    // A colon before the last slash is a port. Without a slash it is a tag: "localhost:5000" alone is a name.
    if (!colon || (slash && colon < slash))
        return 0;
    *colon = 0;
    *tag = colon + 1;
    if (!is_tag(*tag)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "image reference \"%s\" has a tag that is not valid", text);
        holm_error_hint(error, "a tag is at most %d letters, digits, dots, dashes and underscores",
                        IMAGE_REFERENCE_TAG_MAX);
        return -1;
    }
    return 0;
}

static int check_name(const image_reference *self, const char *text, holm_error **error) {
    if (!is_registry(self->registry)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "image reference \"%s\": \"%s\" is no registry host", text,
                       self->registry);
        return -1;
    }
    if (!is_repository(self->repository)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "image reference \"%s\": \"%s\" is no repository name",
                       text, self->repository);
        holm_error_hint(error, "a repository name is lower-case letters and digits, with dots, dashes and "
                               "underscores between them");
        return -1;
    }
    if (strlen(self->registry) + 1 + strlen(self->repository) > IMAGE_REFERENCE_NAME_MAX) {
        holm_error_set(error, HOLM_ERROR_INVALID, "image reference \"%s\" is longer than %d characters", text,
                       IMAGE_REFERENCE_NAME_MAX);
        return -1;
    }
    return 0;
}

// Echoing what was typed into an error must not carry control characters to a terminal.
static int check_text(const char *text, holm_error **error) {
    size_t length = strnlen(text, TEXT_MAX + 1);
    if (length == 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the image reference is empty");
        return -1;
    }
    if (length > TEXT_MAX) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the image reference is longer than %zu characters",
                       (size_t)TEXT_MAX);
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            holm_error_set(error, HOLM_ERROR_INVALID,
                           "the image reference has a character at position %zu that cannot be in one",
                           i + 1);
            return -1;
        }
    }
    return 0;
}

int image_reference_parse(const char *text, const char *default_registry, image_reference *out,
                          holm_error **error) {
    *out = (image_reference){0};
    if (check_text(text, error) < 0)
        return -1;
    cleanup_free char *name = strdup(text);
    const char *tag = NULL, *digest = NULL;
    if (split_suffixes(name, &tag, &digest, text, error) < 0)
        return -1;
    cleanup_image_reference image_reference parsed = {0};
    const char *slash = strchr(name, '/');
    if (slash && looks_like_registry(name, (size_t)(slash - name))) {
        parsed.registry = strndup(name, (size_t)(slash - name));
        parsed.repository = strdup(slash + 1);
    } else {
        parsed.registry = strdup(default_registry ? default_registry : IMAGE_REFERENCE_DEFAULT_REGISTRY);
        parsed.repository = strdup(name);
        if (digest_hex_is_valid(name)) {
            holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" is an image id, not a reference", text);
            return -1;
        }
    }
    if (strcmp(parsed.registry, "index.docker.io") == 0) {
        free(parsed.registry);
        parsed.registry = strdup("docker.io");
    }
    if (strcmp(parsed.registry, "docker.io") == 0 && parsed.repository[0] &&
        !strchr(parsed.repository, '/')) {
        char *whole = path_format("library/%s", parsed.repository);
        free(parsed.repository);
        parsed.repository = whole;
    }
    if (check_name(&parsed, text, error) < 0)
        return -1;
    parsed.tag = tag ? strdup(tag) : digest ? NULL : strdup("latest");
    parsed.digest = digest ? strdup(digest) : NULL;
    *out = parsed;
    parsed = (image_reference){0};
    return 0;
}

void image_reference_finish(image_reference *self) {
    free(self->registry);
    free(self->repository);
    free(self->tag);
    free(self->digest);
    *self = (image_reference){0};
}

const char *image_reference_object(const image_reference *self) {
    return self->digest ? self->digest : self->tag;
}

static char *join(const image_reference *self, const char *name) {
    return path_format("%s%s%s", name, self->digest ? "@" : ":", image_reference_object(self));
}

char *image_reference_canonical(const image_reference *self) {
    cleanup_free char *name = path_format("%s/%s", self->registry, self->repository);
    return join(self, name);
}

char *image_reference_familiar(const image_reference *self) {
    if (strcmp(self->registry, "docker.io") != 0)
        return image_reference_canonical(self);
    const char *name = self->repository, *library = "library/";
    if (strncmp(name, library, strlen(library)) == 0 && !strchr(name + strlen(library), '/'))
        name += strlen(library);
    // What would be read as something else stays whole.
    const char *slash = strchr(name, '/');
    if (digest_hex_is_valid(name) || (slash && looks_like_registry(name, (size_t)(slash - name))))
        return image_reference_canonical(self);
    return join(self, name);
}
