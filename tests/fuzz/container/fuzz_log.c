// Log files of any content: the reader ends, and hands out no more than the files hold. What the encoder
// writes comes back.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/container/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/holm-fuzz-log-XXXXXX";

static void remove_folder(void) {
    path_remove_tree(folder, NULL);
}

static void store(unsigned number, const uint8_t *data, size_t size) {
    cleanup_free char *path = path_format("%s/%u.log", folder, number);
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || file_write_all(fd, data, size) < 0)
        abort();
}

static size_t read_all(int64_t last, int64_t since) {
    log_record record;
    size_t total = 0, sum = 0;
    log_reader *reader = log_reader_open(folder, last, since, NULL);
    while (log_reader_next(reader, &record, NULL) > 0) {
        total += record.length;
        for (size_t i = 0; i < record.length; i++)
            sum += (uint8_t)record.bytes[i];
    }
    log_reader_close(reader);
    return total + (sum & 0);
}

static void encode_and_read(const uint8_t *data, size_t size) {
    log_encoder encoder = {0};
    cleanup_buffer buffer records = BUFFER_INIT;
    size_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    for (size_t at = 0; at < size;) {
        size_t part = 1 + data[at] % 64u;
        part = part < size - at ? part : size - at;
        log_encoder_add(&encoder, 1 + (part & 1), 1, data + at, part, &records);
        at += part;
    }
    log_encoder_flush(&encoder, 1, &records);
    log_encoder_finish(&encoder);
    store(0, records.data, records.length);
    store(1, NULL, 0);
    if (read_all(-1, 0) != size - lines)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (strchr(folder, 'X') && strstr(folder, "XXXXXX")) {
        if (!mkdtemp(folder))
            abort();
        atexit(remove_folder);
    }
    if (size < 4)
        return 0;
    size_t first = (data[0] | (size_t)data[1] << 8) % (size - 2);
    store(1, data + 2, first);
    store(0, data + 2 + first, size - 2 - first);
    if (read_all(-1, 0) > size || read_all(data[2], 0) > size || read_all(-1, data[3]) > size)
        abort();
    // A writer that finds this goes on behind what is whole.
    log_writer *writer = log_writer_open(folder, 65536, 2, NULL);
    log_writer_close(writer);
    encode_and_read(data, size);
    return 0;
}
