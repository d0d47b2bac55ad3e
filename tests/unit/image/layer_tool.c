// The layer writer as a program, for tests that are easier to write elsewhere: layer_tool BLOB IMAGE [LOWER…]
// writes the image and prints the result as JSON, or the name of the error and its sentence and ends with 1.
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/image/layer.h"

static int tool_run(char **arguments, size_t lower_count, layer_result *result, holm_error **error) {
    static char piece[65536];
    layer_writer_options options = {.path = arguments[1]};
    cleanup_layer_writer layer_writer *writer = layer_writer_create(&options, error);
    cleanup_close int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);
    if (!writer || fd < 0)
        return -1;
    for (ssize_t length; (length = read(fd, piece, sizeof piece)) > 0;)
        if (layer_writer_push(writer, piece, (size_t)length, error) < 0)
            return -1;
    if (layer_writer_finish(writer, result, error) < 0)
        return -1;
    if (result->complete)
        return 0;
    return layer_writer_complete(writer, (const char *const *)arguments + 2, lower_count, result, error);
}

/// The most memory this program has had, by /proc: getrusage would count that of the program it was before
/// exec.
static long memory_most(void) {
    char line[256];
    long kilobytes = -1;
    cleanup_file FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %ld", &kilobytes) == 1)
            break;
    return kilobytes;
}

int main(int argc, char **argv) {
    cleanup_error holm_error *error = NULL;
    layer_result result = {0};
    if (argc < 3)
        return 2;
    if (tool_run(argv + 1, (size_t)argc - 3, &result, &error) < 0) {
        printf("%s: %s\n", holm_error_code_name(holm_error_code_of(error)), holm_error_message(error));
        return 1;
    }
    json_t *answer =
        json_pack("{s:s s:s s:I s:I s:I s:I s:i s:i s:i s:i s:b s:b s:I}", "blob", result.blob_digest,
                  "diffId", result.diff_id, "blobBytes", (json_int_t)result.blob_bytes, "contentBytes",
                  (json_int_t)result.content_bytes, "imageBytes", (json_int_t)result.image_bytes, "entries",
                  (json_int_t)result.entries, "missingParents", (int)result.missing_parents, "missingLinks",
                  (int)result.missing_links, "dropped", (int)result.dropped, "droppedXattrs",
                  (int)result.dropped_xattrs, "rootMissing", (int)result.root_missing, "rootOpaque",
                  (int)result.root_opaque, "memoryKb", (json_int_t)memory_most());
    char *text = json_dumps(answer, 0);
    puts(text);
    free(text);
    json_decref(answer);
    return 0;
}
