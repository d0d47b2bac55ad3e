// Lines of a container's log to text that can be shown; and the words of a command.
#include <stdlib.h>
#include <string.h>

#include "tui/log_buffer.h"
#include "tui/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    log_buffer lines = {0};
    for (size_t from = 0; from < size;) {
        const uint8_t *end = memchr(data + from, '\n', size - from);
        size_t length = end ? (size_t)(end - data) - from : size - from;
        log_buffer_add(&lines, 0, (int64_t)from, 1 + (length & 1), (const char *)data + from, length, !end);
        from += length + 1;
    }
    for (size_t i = 0; i < lines.count; i++)
        for (const char *at = log_buffer_at(&lines, i)->text; *at; at++)
            if ((unsigned char)*at < 0x20 || *at == 0x7f)
                abort();
    log_buffer_finish(&lines);
    char *text = strndup((const char *)data, size);
    json_t *words;
    if (words_split(text, &words) != (words != NULL))
        abort();
    json_decref(words);
    free(text);
    return 0;
}
