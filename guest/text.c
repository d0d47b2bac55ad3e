#include "guest/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/buffer.h"

char *text_read_fd(int fd, size_t most, holm_error **error) {
    cleanup_buffer buffer content = BUFFER_INIT;
    for (;;) {
        buffer_reserve(&content, 4096);
        ssize_t got = read(fd, content.data + content.length, 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            holm_error_set_errno(error, errno, "read");
            return NULL;
        }
        if (got == 0)
            break;
        content.length += (size_t)got;
        if (content.length > most) {
            holm_error_set(error, HOLM_ERROR_LIMIT, "more than %zu bytes", most);
            return NULL;
        }
    }
    buffer_append(&content, NULL, 0);
    return buffer_steal_text(&content);
}

char *text_read(int directory, const char *path, size_t most, holm_error **error) {
    cleanup_close int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        holm_error_set_errno(error, errno, "open %s", path);
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "%s is not a regular file", path);
        return NULL;
    }
    char *text = text_read_fd(fd, most, error);
    if (!text)
        holm_error_wrap(error, "%s", path);
    return text;
}

int text_write(const char *path, const char *text, holm_error **error) {
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        holm_error_set_errno(error, errno, "write \"%.100s\" to %s", text, path);
        return -1;
    }
    return 0;
}

bool text_to_u64(const char *text, uint64_t *value) {
    if (*text < '0' || *text > '9')
        return false;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end || errno)
        return false;
    *value = number;
    return true;
}

uint64_t text_find_u64(const char *text, const char *key) {
    size_t length = strlen(key);
    for (const char *line = text; line && *line;) {
        if (strncmp(line, key, length) == 0 && (line[length] == ' ' || line[length] == '\t'))
            return strtoull(line + length, NULL, 10);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return 0;
}

const char *text_next(const char **text, char separator, size_t *length) {
    const char *begin = *text;
    if (!begin)
        return NULL;
    const char *end = strchr(begin, separator);
    *length = end ? (size_t)(end - begin) : strlen(begin);
    *text = end ? end + 1 : NULL;
    return begin;
}
